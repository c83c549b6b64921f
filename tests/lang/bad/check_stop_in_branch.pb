playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  parallel {
    do slack.notify("#a", "b")
    if f.severity < 2 {
      stop "enough"   # expect: PB0228 cannot stand in a branch of parallel
    }
  }
  record { affected_resource: f.arn }
}
