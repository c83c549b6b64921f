playbook p {
  version  "1.0.0"
  summary  "what it does"
  sumary   "again"   # expect: PB0223 did you mean `summary`?
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
