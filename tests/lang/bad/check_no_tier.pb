playbook p {   # expect: PB0611 has no tier
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
