playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  wait 500ms   # expect: PB0328 from 1s to 90d
  record { affected_resource: f.arn }
}
