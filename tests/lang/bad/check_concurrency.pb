playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  concurrency "one"   # expect: PB0328 `concurrency` must be a constant from 1 to 1000
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
