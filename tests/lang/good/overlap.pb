playbook a {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 5 and f.type like "Trojan:*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i)
  record { affected_resource: i.arn }
}

playbook b {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity < 5
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i)
  do ec2.tag(i, { Seen: "yes" })
  record { affected_resource: i.arn }
}

playbook c {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 5 and f.type like "Backdoor:*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ebs.snapshot_volumes(i)
  approve "Terminate ${i.id}?"
    by     group "oncall"
    within 30m
  {
    do ec2.terminate(i)
  }
  record { affected_resource: i.arn }
}

playbook d {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 5 and f.type like "*:EC2/Tor*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.tag(i, { Seen: "yes" })
  record { affected_resource: i.arn }
}

playbook e {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 5 and f.type like "Trojan:EC2/*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do slack.notify("#a", f.type)
  record { affected_resource: i.arn }
}
