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
  do ec2.tag(i, { Seen: "yes" })
  record { affected_resource: i.arn }
}

playbook b {   # expect: PB1202 `a` runs whenever `b` does, and does all that it does
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  where f.severity >= 7 and f.type like "Trojan:*"
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i)
  record { affected_resource: i.arn }
}
