playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", "b") timeout 2h   # expect: PB0328 from 1ms to 1h
  record { affected_resource: f.arn }
}
