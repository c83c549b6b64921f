playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  in account "123456789012"         # expect: PB0614 the account id `123456789012` is written into the source
  region "eu-west-1" {              # expect: PB0614 the region `eu-west-1` is written into the source
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
