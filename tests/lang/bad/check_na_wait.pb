playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  wait 15m   # expect: PB0902 this version cannot run it
  record { affected_resource: f.arn }
}
