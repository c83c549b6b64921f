playbook a {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 5
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i)
  record { affected_resource: i.arn }
}

playbook b {   # expect: PB1203 `a` and `b` can run for the same event and work against each other
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.type like "Trojan:*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ebs.snapshot_volumes(i)
  approve "Terminate ${i.id}?" by group "oncall" within 30m {
    do ec2.terminate(i)
  }
  record { affected_resource: i.arn }
}
