playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where finding.severity > 5   # expect: PB0201 there is no `finding`
  record { affected_resource: f.arn }
}
