playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#security", "seen")
  record { affected_resource: f.arn }
}

test "a condition that is none" for p {
  given event "finding.json"
  expect evidence.outcome   # expect: PB0319 needs true or false
}
