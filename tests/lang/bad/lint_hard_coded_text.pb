playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.accountId == "123456789012"   # expect: PB0614 the account id `123456789012` is written into the source
  record { affected_resource: f.arn }
}
