playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify(channel: "#a", "b")   # expect: PB0218 behind one with a name
  record { affected_resource: f.arn }
}
