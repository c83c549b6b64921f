playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  limit 0 per 1h   # expect: PB0328 the number of runs of `limit`
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
