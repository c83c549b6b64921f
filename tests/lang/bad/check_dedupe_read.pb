playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  dedupe by now() within 1h   # expect: PB0403 the key of `dedupe`
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
