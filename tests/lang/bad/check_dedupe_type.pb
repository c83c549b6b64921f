playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  dedupe by f.resource within 1h   # expect: PB0301 must be a text or a number
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
