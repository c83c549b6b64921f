# An access key in use from a malicious address: turn the key off, and the sessions made with it.
#
# The key is deactivated, not deleted: it can be turned on again, and IAM keeps saying when it was last used.

param alerts_channel: string = "#security-alerts"

playbook revoke_exposed_key {
  version  "1.0.0"
  summary  "Turn off an access key that GuardDuty saw in use from a malicious address"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.3", "SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "UnauthorizedAccess:IAMUser/*" and f.severity >= 5
  # Long-term keys only: temporary ones (ASIA...) cannot be turned off, see revoke_user_sessions.
  where f.resource.accessKeyDetails.userType == "IAMUser" and f.resource.accessKeyDetails.accessKeyId like "AKIA*"

  let key = f.resource.accessKeyDetails
  where key.userName exists and key.accessKeyId exists

  do iam.deactivate_key(user: key.userName, key: key.accessKeyId) as deactivated
  do iam.revoke_sessions(user: key.userName) as revoked

  # The same finding comes again each time GuardDuty sees more of it: people are told once.
  if deactivated.changed or revoked.changed {
    do slack.notify(
      alerts_channel,
      "${run.incident_id}: access key ${key.accessKeyId} of ${key.userName} turned off and sessions revoked (${f.type})"
    )
  }

  record {
    affected_resource: iam.user_arn(key.userName)
    access_key: key.accessKeyId
    revocation_policy: revoked.policy_name
    revoked_before: revoked.before
  }
}
