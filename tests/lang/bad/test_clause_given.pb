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

test "something that cannot be given" for p {
  given event "finding.json"
  given full_moon on   # expect: PB0701 nothing of this kind
  expect outcome done
}
