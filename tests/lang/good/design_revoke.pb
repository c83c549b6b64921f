# The design's first playbook (language.md).
playbook revoke_exposed_key {
  version  "1.0.0"
  summary  "Turn off an access key that GuardDuty saw in use from a malicious address"
  owner    "secops@example.com"
  tier     auto  # auto | approve | manual
  controls ["SOC2-CC7.1", "SOC2-CC7.3"]
  dedupe   by f.id within 1h

  when guardduty.finding as f
  where f.type like "UnauthorizedAccess:IAMUser/*" and f.severity >= 5

  let key = f.resource.accessKeyDetails
  where key.userName exists and key.accessKeyId exists

  do iam.deactivate_key(user: key.userName, key: key.accessKeyId)
  do iam.revoke_sessions(user: key.userName) as revoked
  do slack.notify("#security-alerts", "Sessions of ${key.userName} revoked (${f.type})")

  record {
    affected_resource: iam.user_arn(key.userName)
    revocation_policy: revoked.policy_name
  }
}
