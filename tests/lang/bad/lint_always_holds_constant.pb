playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where true   # expect: PB0616 `true` always holds here
  record { affected_resource: f.arn }
}
