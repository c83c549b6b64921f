guard not_seen {
  on ec2.isolate as a
  where a.args.cut == "strip-ip"
  deny "not that"
  unless authorized "strip"
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  do ec2.isolate(i, cut: "strip-ip")   # expect: PB1005 write `authorize "strip" because "..."` before it
  record { affected_resource: f.arn }
}
