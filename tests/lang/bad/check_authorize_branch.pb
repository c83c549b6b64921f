playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  parallel {
    authorize "a" because "b"   # expect: PB0228 branch of parallel
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
