playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.severity in ["high"]   # expect: PB0303 float is never an item of list[string]
  record { affected_resource: f.arn }
}
