playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?" by group "g" within 1h {
    do slack.notify("#a", "b")
  } denied { } denied { }   # expect: PB0119 `denied` is written twice
  record { affected_resource: f.arn }
}
