playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity < 4 {
    stop "harmless"
  }
  where f.severity >= 4   # expect: PB0616 always holds here
  record { affected_resource: f.arn }
}
