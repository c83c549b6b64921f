playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify(f.title ?? "#a", "hello")   # expect: PB1001 becomes `channel` of `slack.post` unchecked
  record { affected_resource: f.arn }
}
