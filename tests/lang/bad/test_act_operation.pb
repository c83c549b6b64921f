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

test "an operation that there is not" for p {
  given event "finding.json"
  expect no do aws.ec2.TerminateInstance   # expect: PB0206 did you mean `TerminateInstances`
}
