playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  dedupe   by f.id within 1h   # expect: PB0910 this version cannot keep to it

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
