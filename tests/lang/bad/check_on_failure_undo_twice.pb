playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  on failure undo
  on failure undo   # expect: PB0228 written twice
  do iam.revoke_sessions(user: "mary")
  record { affected_resource: f.arn }
}
