playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions(usr: "mary")   # expect: PB0214 did you mean `user`?
  record { affected_resource: f.arn }
}
