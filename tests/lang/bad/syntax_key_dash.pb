playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}

test "t" for p {
  given event { detail-type: "GuardDuty Finding" }   # expect: PB0100 a key that is no name stands in quotes
  expect outcome done
}
