# Malware on an instance: keep its disks, cut it off the network, mark it, tell people.
#
# Snapshots are asked for first: they hold what the disks held at that moment, whatever happens afterwards. The instance keeps
# running, so that its memory can still be looked at. Nothing is terminated.

param alerts_channel: string = "#security-alerts"

playbook quarantine_instance {
  version  "1.0.0"
  summary  "Snapshot, isolate and tag an instance on which GuardDuty found a Trojan"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.3", "SOC2-CC7.4", "PCI-12.10.5"]

  when guardduty.finding as f
  where f.type like "Trojan:EC2/*" and f.severity >= 5

  let id = f.resource.instanceDetails.instanceId
  where id exists

  let i = ec2.instance(id)
  # pbc: survives "in the simulated account an instance is terminated at once, so none is ever shutting down"
  where i.state != "terminated" and i.state != "shutting-down"

  do ebs.snapshot_volumes(i, tags: { IncidentID: run.incident_id }) as snapshots timeout 2m
  do ec2.isolate(i) as isolation timeout 2m
  # Only now: an instance that could not be isolated, or that a guard protects, must not say that it is.
  do ec2.tag(i, { SecurityStatus: "Isolated", IncidentID: run.incident_id }) as tagged

  if isolation.changed or snapshots.changed or tagged.changed {
    do slack.notify(
      alerts_channel,
      "${run.incident_id}: ${i.id} isolated (${f.type}); snapshots ${snapshots.ids.join(", ")}\n${i.link}"
    )
  }

  record {
    affected_resource: i.arn
    snapshots: snapshots.ids
    interfaces_before: isolation.before
    interfaces_skipped: isolation.skipped
  }
}
