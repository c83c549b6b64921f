playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  for t in { "a": 1 } {   # expect: PB0317 `.keys()` or `.values()`
    do slack.notify("#a", "${t}")
  }
  record { affected_resource: f.arn }
}
