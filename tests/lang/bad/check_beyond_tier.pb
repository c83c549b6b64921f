playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     manual
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions(user: "mary")   # expect: PB0404 tier manual reads and notifies only
  record { affected_resource: f.arn }
}
