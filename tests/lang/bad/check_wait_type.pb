playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  wait 5   # expect: PB0301 `wait` takes duration
  record { affected_resource: f.arn }
}
