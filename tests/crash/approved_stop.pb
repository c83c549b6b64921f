# An instance is stopped when somebody has approved it: what the library's own playbooks do not have (approvals, waits, brakes
# that count over runs), so that processes can be killed in the midst of those too. LOGIN is put in by crash.py.

param alerts_channel: string = "#security-alerts"

site {
  person "me" { login: "LOGIN" }
  group "oncall" { people: ["me"] }
}

playbook approved_stop {
  version  "1.0.0"
  summary  "Keep the disks of an instance, then stop it when people agree"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  timeout  1h
  dedupe   by f.id within 1h
  limit    5 per 1h else stop
  concurrency 2

  when guardduty.finding as f
  where f.type like "Trojan:EC2/*"
  let id = f.resource.instanceDetails.instanceId
  where id exists

  let i = ec2.instance(id)
  do ebs.snapshot_volumes(i, tags: { IncidentID: run.incident_id }) as kept
  do ec2.tag(i, { SecurityStatus: "Asked" })

  approve "Stop ${i.id}?"
    via slack "#secops"
    by group "oncall"
    within 30m
  {
    do ec2.stop(i)
    wait 1s
    do ec2.tag(i, { SecurityStatus: "Stopped" })
    do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} stopped")
  } denied {
    do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} runs on, it was denied")
  } expired {
    do ec2.tag(i, { SecurityStatus: "Nobody answered" })
    do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} runs on, nobody answered")
  }

  record {
    affected_resource: i.arn
    snapshots: kept.ids
  }
}
