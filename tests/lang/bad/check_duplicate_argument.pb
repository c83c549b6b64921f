playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions("mary", user: "mary")   # expect: PB0216 `user` is given twice
  record { affected_resource: f.arn }
}
