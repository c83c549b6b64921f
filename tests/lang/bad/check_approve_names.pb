playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?" by group "g" within 1h {
    do slack.notify("#a", "b") as told
    do slack.notify("#a", "${told.changed}")
  }
  do slack.notify("#a", "${told.changed}")   # expect: PB0201 there is no `told` here
  record { affected_resource: f.arn }
}
