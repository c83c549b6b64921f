playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity >= 7 {
    if f.severity == 5 {   # expect: PB0615 can never hold here
      stop "never"
    }
  }
  record { affected_resource: f.arn }
}
