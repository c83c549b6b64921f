playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  limit 5 per 100   # expect: PB0328 the time behind `per`
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
