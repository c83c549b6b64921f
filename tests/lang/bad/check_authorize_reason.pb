playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  authorize "a" because 5   # expect: PB0301 the reason of `authorize`
  record { affected_resource: f.arn }
}
