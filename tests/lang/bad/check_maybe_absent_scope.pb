playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let k = f.resource.accessKeyDetails
  if k.userName exists {
    do iam.revoke_sessions(user: k.userName)
  }
  do slack.notify("#a", k.userName)   # expect: PB0302 `k.userName` may be absent
  record { affected_resource: f.arn }
}
