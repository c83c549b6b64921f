playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", f.type) as told   # expect: PB0622 the result `told` is never used
  record { affected_resource: f.arn }
}
