playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.findings as f   # expect: PB0204 did you mean `guardduty.finding`?
  record { affected_resource: f.arn }
}
