playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.service.archived   # expect: PB0302 compare it: `== true`
  record { affected_resource: f.arn }
}
