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
  do ebs.snapshot_volumes(j)
  approve "Terminate ${i.id}?" by group "oncall" within 30m {
    do ec2.terminate(i)   # expect: PB1003 nothing has kept what `ec2.terminate` destroys
  }
  record { affected_resource: f.arn }
}
