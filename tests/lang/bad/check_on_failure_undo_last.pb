playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { a: f.arn }
  do iam.revoke_sessions(user: "mary")
  on failure undo   # expect: PB0228 there are none
}
