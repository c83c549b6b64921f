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

test "an argument that the action does not have" for p {
  given event "finding.json"
  expect do slack.notify(chanel: "#security")   # expect: PB0214 did you mean `channel`
}
