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

test "nothing is looked at" for p {   # expect: PB0706 expects nothing
  given event "finding.json"
}
