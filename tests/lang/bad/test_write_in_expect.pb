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

test "what is expected changes nothing" for p {
  given event "finding.json"
  expect aws.ec2.StopInstances(InstanceIds: ["i-1"]).StoppingInstances exists   # expect: PB0402 must be a step of its own
}
