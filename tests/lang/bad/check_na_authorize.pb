playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  authorize "maintenance" because "CHG-1234"   # expect: PB0903 this version cannot run it
  record { affected_resource: f.arn }
}
