# A playbook with every statement that this version runs.

param channel: string = "#security-alerts"

type Alert { id: string  kind: string  at: string?  user: { name: string, roles: list[string] }?  extra: json? }

event siem.alert {
  source      ["my.siem", "my.siem.*"]
  detail_type "Alert"
  schema      Alert
  payload     "detail"
  each        "alerts"
  id          "id"
  threat      "kind"
  detected    "at"
}

action team.tell(text: string, times: int = 1): { changed: bool, sent: int } notify on text {
  if times < 1 {
    return { changed: false, sent: 0 }
  }
  for n in ["first", "again"] {
    do slack.notify(channel, "${n}: ${text}") timeout 10s retry 2
  }
  return { changed: true, sent: times }
}

playbook siem_alert {
  version  "1.2.3-rc.1"
  summary  "Handles an alert of our own SIEM"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when siem.alert as a
  where a.kind like "user/*"
  where a.user.name exists

  on failure {
    do team.tell("${a.id}: ${error.code}: ${error.message}")
  }

  let user = iam.user(a.user.name)
  let count = a.extra.count as int
  where count > 3

  do iam.revoke_sessions(user: user.name) as revoked timeout 1m retry 3 else {
    do team.tell("${a.id}: ${error.message}")
    stop "the sessions of ${user.name} could not be revoked"
  }

  parallel {
    do team.tell("${user.name}: ${revoked.detail}") as told
    let groups = aws.iam.ListGroupsForUser(UserName: user.name).Groups
    if count > 10 {
      do team.tell("${a.id} happens often (${count})", times: 2)
    }
  }

  do slack.notify(channel, "maybe") as maybe else { }
  if maybe exists and maybe.changed {
    record { told_again: maybe.ts }
  }

  for r in a.user.roles {
    if r == "admin" {
      fail "${user.name} is an admin: somebody must look at this" code "Admin"
    }
  }

  record {
    affected_resource: user.arn
    groups: [g.GroupName for g in groups]
    sent: told.sent
    revoked: { policy: revoked.policy_name, at: now() }
  }
}
