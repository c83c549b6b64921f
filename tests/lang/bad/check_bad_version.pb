playbook p {
  version  "one"   # expect: PB0324 a version like
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
