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

test "a guard that there is not" for p {
  given event "finding.json"
  expect denied by kil_switch   # expect: PB0704 did you mean `kill_switch`
}
