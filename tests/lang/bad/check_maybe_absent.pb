playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do iam.revoke_sessions(user: f.resource.accessKeyDetails.userName)   # expect: PB0302 may be absent
  record { affected_resource: f.arn }
}
