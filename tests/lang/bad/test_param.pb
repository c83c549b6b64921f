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

test "a parameter that there is not" for p {
  given event "finding.json"
  given param chanel = "#x"   # expect: PB0201 no deployment parameter
  expect outcome done
}
