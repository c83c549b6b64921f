playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i)
  do aws.ssm.SendCommand(InstanceIds: [i.id], DocumentName: "CaptureMemory")   # expect: PB1004 comes too late: an isolated instance does not reach Systems Manager
  record { affected_resource: f.arn }
}
