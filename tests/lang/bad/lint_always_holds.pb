playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.severity >= 7
  where f.severity > 4   # expect: PB0616 `f.severity > 4` always holds here
  record { affected_resource: f.arn }
}
