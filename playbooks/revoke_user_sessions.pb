# A user behaves like an attacker: end all of its sessions, but keep the user, its keys and its policies for the investigation.

param alerts_channel: string = "#security-alerts"

playbook revoke_user_sessions {
  version  "1.0.0"
  summary  "Revoke the sessions of an IAM user whose API calls GuardDuty finds anomalous"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC6.1", "SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "*:IAMUser/AnomalousBehavior" and f.severity >= 7
  where f.resource.accessKeyDetails.userType == "IAMUser"

  let who = f.resource.accessKeyDetails
  where who.userName exists

  do iam.revoke_sessions(user: who.userName) as revoked

  if revoked.changed {
    do slack.notify(
      alerts_channel,
      "${run.incident_id}: sessions of ${who.userName} revoked, the user itself is kept (${f.type})"
    )
  }

  record {
    affected_resource: iam.user_arn(who.userName)
    revocation_policy: revoked.policy_name
    revoked_before: revoked.before
  }
}
