action team.look(key: string): string? read {
  return aws.iam.GetAccessKeyLastUsed(AccessKeyId: key).UserName
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  let j = ec2.instance("i-0123456789abcdef0")
  do ec2.stop(j)
  do aws.ssm.SendCommand(InstanceIds: [i.id], DocumentName: "CaptureMemory")
  parallel {
    do ebs.snapshot_volumes(i)
    do ec2.tag(i, { Seen: "yes" })
  }
  do ec2.isolate(i)
  approve "Terminate ${i.id}?"
    by     group "oncall"
    within 30m
  {
    do ec2.terminate(i)
    do aws.ec2.TerminateInstances(InstanceIds: [i.id])
  }
  let keys = aws.iam.ListAccessKeys(UserName: "mary").AccessKeyMetadata
  for k in keys {
    if k.AccessKeyId exists {
      do team.look(k.AccessKeyId)
      approve "Delete ${k.AccessKeyId}?"
        by     group "oncall"
        within 30m
      {
        do aws.iam.DeleteAccessKey(AccessKeyId: k.AccessKeyId)
      }
    }
  }
  authorize "no-evidence" because "CHG-1234"
  # pbc: allow PB0642 "an example"
  approve "Delete the table?"
    by     group "oncall"
    within 30m
  {
    do aws.dynamodb.DeleteTable(TableName: "sessions")
  }
  record { affected_resource: f.arn }
}
