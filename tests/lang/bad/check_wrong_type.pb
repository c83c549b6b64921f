playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions(user: 5)   # expect: PB0301 `user` takes string, not int
  record { affected_resource: f.arn }
}
