playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  concurrency 1   # expect: PB0912 this version cannot keep to it

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
