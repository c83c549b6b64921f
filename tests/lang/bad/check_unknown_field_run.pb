playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", run.incident)   # expect: PB0207 run has no field `incident`
  record { affected_resource: f.arn }
}
