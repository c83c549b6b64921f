playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  in account "12345678901" {        # expect: PB0313 an account id is a text of 12 digits
    do slack.notify("#a", "b")
  }
  in account 123456789012 {         # expect: PB0301
    do slack.notify("#a", "b")
  }
  in region "Europe" {              # expect: PB0313 a region looks like
    do slack.notify("#a", "b")
  }
  in account run.account {          # expect: PB0302
    do slack.notify("#a", "b")
  }
  in account f.accountId region run.region {   # expect: PB0302
    stop "never got here"
  }
  record { affected_resource: f.arn }   # expect: PB0602
}
