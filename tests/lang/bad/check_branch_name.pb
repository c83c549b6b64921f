playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  parallel {
    do iam.revoke_sessions(user: "mary") as revoked
    do slack.notify("#a", revoked.detail)   # expect: PB0219 another branch of this parallel binds it
  }
  record { affected_resource: f.arn }
}
