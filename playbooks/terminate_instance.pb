# An instance that mines, or takes orders from an attacker: cut it off at once, keep its disks, and ask whether it shall go for good.
#
# Two people out of `approvers` must agree, within half an hour; after ten minutes `leads` are asked too. Both are groups of the
# site (site.pb.example). A no, or no answer, leaves the instance isolated and says so. What is approved is what was shown: when
# the instance has changed by then (somebody started to look into it), the approval is void and asked anew.
#
# The breaker: a sixth instance within an hour is more likely a finding gone mad, or an attacker who wants things terminated,
# than a sixth incident, so people are asked before anything is done to it.

param alerts_channel: string = "#security-alerts"
param approvals_channel: string = "#secops-approvals"
param approvers: string = "secops-oncall"
param leads: string = "secops-leads"

playbook terminate_instance {
  version  "1.0.0"
  summary  "Cut a mining or remotely controlled instance off, keep its disks, ask before it is terminated"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.3", "SOC2-CC7.4", "PCI-12.10.5"]
  dedupe   by f.resource.instanceDetails.instanceId within 6h
  limit    5 per 1h else approve

  when guardduty.finding as f
  where f.type like "CryptoCurrency:EC2/*" or f.type like "Backdoor:EC2/*"
  where f.severity >= 8

  let id = f.resource.instanceDetails.instanceId
  where id exists

  let i = ec2.instance(id)
  # pbc: survives "in the simulated account an instance is terminated at once, so none is ever shutting down"
  where i.state != "terminated" and i.state != "shutting-down"

  parallel {
    do ec2.isolate(i) as isolation timeout 2m
    do ebs.snapshot_volumes(i, tags: { IncidentID: run.incident_id }) as snapshots timeout 2m
  }
  do ec2.tag(i, { SecurityStatus: "Isolated", IncidentID: run.incident_id })
  do slack.notify(
    alerts_channel,
    "${run.incident_id}: ${i.id} isolated (${f.type}); snapshots ${snapshots.ids.join(", ")}\n${i.link}"
  )

  approve "Terminate ${i.id} (owner ${i.tags["Owner"] ?? "unknown"})? It is isolated; snapshots of its disks are kept"
    via      slack approvals_channel
    by       group approvers
    quorum   2
    within   30m
    escalate to group leads after 10m
  {
    do ec2.terminate(i) as ended
    if ended.changed {
      do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} terminated")
    }
  } denied {
    do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} stays, isolated: its termination was denied")
  } expired {
    do slack.notify(alerts_channel, "${run.incident_id}: ${i.id} stays, isolated: nobody decided about its termination")
  }

  record {
    affected_resource: i.arn
    snapshots: snapshots.ids
    interfaces_before: isolation.before
    interfaces_skipped: isolation.skipped
  }
}
