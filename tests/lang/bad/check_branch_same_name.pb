playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  parallel {
    do iam.revoke_sessions(user: "mary") as done
    do iam.revoke_sessions(user: "anna") as done   # expect: PB0210 another branch
  }
  record { affected_resource: f.arn }
}
