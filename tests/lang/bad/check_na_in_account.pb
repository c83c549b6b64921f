playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  in account f.accountId {   # expect: PB0904 this version cannot run it
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
