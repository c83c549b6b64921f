playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let told = slack.notify("#a", "b")   # expect: PB0402 must be a step of its own
  where told.changed
  record { affected_resource: f.arn }
}
