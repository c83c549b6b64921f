playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?" by group "g" within 1h {
    stop "done"
  } denied {
    stop "no"
  }
  do slack.notify("#a", "b")   # expect: PB0602
  record { affected_resource: f.arn }
}
