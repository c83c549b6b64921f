# What stops for people and for time: approve, wait, authorize, the bounds of runs, undo of what failed.
param approvers: string = "secops"
param channel: string = "#approvals"

playbook asks {
  version     "1.0.0"
  summary     "what it does"
  owner       "secops@example.com"
  tier        approve
  controls    ["SOC2-CC7.4"]
  dedupe      by "${f.accountId}/${f.type}" within 45d
  limit       5 per 1h else approve
  concurrency 2
  timeout     45d

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ebs.snapshot_volumes(i)
  on failure undo
  on failure {
    do slack.notify(channel, error.message)
  }

  approve "Terminate ${i.id}?"
    via      slack channel
    via      slack "#b"
    by       group approvers
    by       person "alice"
    quorum   10
    within   30d
    escalate to person "bob" after 1s
    escalate to group "l" after 1h
  {
    do ec2.terminate(i) as gone
    do slack.notify(channel, gone.detail)
  }
  if f.severity > 5 {
    for tag in i.tags.keys() {
      approve "Take ${tag} away?"
        by     group "g"
        within 1m
      {
        do ec2.tag(i, { Seen: tag })
        approve "And now?"
          by     group "g"
          within 1h
        {
          do aws.ec2.TerminateInstances(InstanceIds: [i.id])
        } denied { } expired {
          wait 90d
        }
      } expired {
        wait 1s
        stop "nobody was there"
      }
    }
  }
  for v in aws.ec2.DescribeVolumes().Volumes {
    if v.VolumeId exists {
      approve "Mark ${v.VolumeId}?"
        by     group "g"
        within 1h
      {
        do aws.ec2.CreateTags(Resources: [v.VolumeId], Tags: [{ Key: "Seen", Value: "yes" }])
      } denied { } expired { }
    }
  }
  parallel {
    approve "In a branch?"
      by     group "g"
      within 1h
    {
      do ec2.tag(i, { Seen: "yes" })
    }
    wait [1m, 2m][0] ?? 5m
  }
  authorize "break-glass" because "CHG-${f.id}"
  do aws.ec2.TerminateInstances(InstanceIds: [i.id])
  record { affected_resource: i.arn }
}
