playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  on failure undo   # expect: PB0909 this version cannot undo
  record { affected_resource: f.arn }
}
