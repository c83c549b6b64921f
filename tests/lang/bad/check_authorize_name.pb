playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  authorize a because "b"   # expect: PB0100 expected a string, found `a`
  record { affected_resource: f.arn }
}
