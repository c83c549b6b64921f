playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", "b", "c")   # expect: PB0217 `slack.notify` takes 2 arguments
  record { affected_resource: f.arn }
}
