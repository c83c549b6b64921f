playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.service != none   # expect: PB0304 ask with `f.service exists`
  record { affected_resource: f.arn }
}
