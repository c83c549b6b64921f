playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", "b") retry 1000   # expect: PB0328 from 1 to 10
  record { affected_resource: f.arn }
}
