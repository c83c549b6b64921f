playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.arn == "arn:aws:iam::123456789012:user/mary"   # expect: PB0614 the account id `123456789012`
  record { affected_resource: f.arn }
}
