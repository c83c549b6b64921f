playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.region == "eu-west-1"   # expect: PB0614 the region `eu-west-1`
  record { affected_resource: f.arn }
}
