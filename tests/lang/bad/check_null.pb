playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.service.count != null   # expect: PB0201 what is absent is `none`
  record { affected_resource: f.arn }
}
