playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  dedupe by f.id within 100d   # expect: PB0328 from 1s to 45d
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
