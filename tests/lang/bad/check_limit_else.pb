playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  limit 5 per 1h else fail   # expect: PB0324 followed by approve or stop
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
