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

test "a fault of what is no AWS operation" for p {
  given event "finding.json"
  given fault slack.notify "Down"   # expect: PB0704 only AWS operations
  expect outcome failed
}
