playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_session(user: "mary")   # expect: PB0202 did you mean `iam.revoke_sessions`?
  record { affected_resource: f.arn }
}
