playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "Terminate?" via slack "#a" by group "oncall" within 30m {   # expect: PB0901 this version cannot run it
    do slack.notify("#a", "b")
  }
  record { affected_resource: f.arn }
}
