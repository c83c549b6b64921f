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

test "a crash at some other place" for p {
  given event "finding.json"
  given crash at every step   # expect: PB0701 a crash is given at each step
  expect outcome done
}
