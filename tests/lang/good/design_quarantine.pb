# The design's second playbook (language.md), with the two actions of a team that it calls.
action ticket.comment(text: string) notify {
  do slack.notify("#tickets", text)
}

action pagerduty.trigger(text: string) notify {
  do slack.notify("#pagerduty", text)
}

playbook quarantine_instance {
  version  "2.1.0"
  summary  "Cut a compromised instance off, keep its disks, ask before it is terminated"
  tier     approve
  owner    "secops@example.com"
  controls ["SOC2-CC7.4", "PCI-12.10.5"]
  dedupe   by f.resource.instanceDetails.instanceId within 6h
  limit    5 per 1h else approve  # blast-radius breaker

  when guardduty.finding as f
  where f.type like "Trojan:EC2/*" or f.type like "CryptoCurrency:EC2/*"
  where f.resource.instanceDetails.instanceId exists

  let i = ec2.instance(f.resource.instanceDetails.instanceId)  # read: the context engine

  parallel {
    do ec2.isolate(i)
    do ebs.snapshot_volumes(i, tags: { IncidentID: run.incident_id }) as snapshots
  }
  do ec2.tag(i, { SecurityStatus: "Isolated", IncidentID: run.incident_id })
  do slack.notify("#security-alerts", "${i.id} isolated; snapshots ${snapshots.ids.join(", ")}")

  approve "Terminate ${i.id} (owner ${i.tags["Owner"] ?? "unknown"})?"
    via      slack "#secops-approvals"
    by       group "secops-oncall"
    quorum   2
    within   30m
    escalate to group "secops-leads" after 10m
  {
    do ec2.terminate(i)
  } denied {
    do ticket.comment("kept isolated for investigation")
  } expired {
    do pagerduty.trigger("approval expired for ${i.id}")
  }

  record { affected_resource: i.arn }
}
