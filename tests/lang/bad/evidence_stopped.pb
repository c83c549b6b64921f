playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.stop(i)
  do ebs.snapshot_volumes(i)   # expect: PB1004 `ebs.snapshot_volumes` comes too late
  record { affected_resource: f.arn }
}
