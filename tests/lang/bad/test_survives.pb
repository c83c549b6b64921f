playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.severity >= 5   # pbc: survives    # expect: PB0625 needs a reason
  do slack.notify("#security", "seen")
  record { affected_resource: f.arn }
}
