playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions(user: "mary") as revoked else {
    do slack.notify("#a", error.message)
  }
  do slack.notify("#a", revoked.detail)   # expect: PB0302 `revoked.detail` may be absent
  record { affected_resource: f.arn }
}
