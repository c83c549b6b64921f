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

test "a field below that the event does not have" for p {
  given event "finding.json" with { detail.resource.instanceDetails.instanceID: "i-1" }   # expect: PB0703 did you mean `instanceId`
  expect outcome done
}
