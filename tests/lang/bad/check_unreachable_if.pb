playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity > 5 { stop "high" } else { stop "low" }
  do slack.notify("#a", "b")   # expect: PB0602 this is never reached
  record { affected_resource: f.arn }
}
