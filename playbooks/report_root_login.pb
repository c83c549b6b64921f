# Somebody signed in to the console as the account's root user. That is rare and may be right: nothing is changed, people are told at
# once. (Root's own credentials can only be changed by root.)

param alerts_channel: string = "#security-alerts"

playbook report_root_login {
  version  "1.0.0"
  summary  "Tell people that the root user signed in to the console"
  owner    "secops@example.com"
  tier     manual
  controls ["SOC2-CC6.1", "SOC2-CC7.2"]

  when cloudtrail.console_sign_in as e
  where e.eventName == "ConsoleLogin" and e.userIdentity.type == "Root"

  let account = e.userIdentity.accountId ?? run.account ?? "unknown"
  let mfa = e.additionalEventData.MFAUsed ?? "unknown"
  let answer = e.responseElements.ConsoleLogin ?? "unknown"

  do slack.notify(
    alerts_channel,
    "${run.incident_id}: root sign-in to account ${account} from ${e.sourceIPAddress ?? "an unknown address"}: ${answer}, MFA ${mfa}"
  )

  record {
    affected_resource: e.userIdentity.arn ?? "arn:aws:iam::${account}:root"
    source_address: e.sourceIPAddress
    result: answer
    mfa: mfa
  }
}
