guard no_stops {
  on     ec2.stop
  deny   "instances are not stopped here"
  unless authorized "stop"
}

guard not_stripped {
  on    ec2.isolate as a
  where a.args.cut == "strip-ip"
  deny  "not that"
}

guard many {
  on    ec2.tag as a
  where a.args.tags.size() > 5
  deny  "too many"
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
  do ec2.isolate(i)
  let tags = i.tags
  where tags.size() <= 5
  do ec2.tag(i, tags)
  authorize "stop" because "CHG-1234"
  do ec2.stop(i)
  record { affected_resource: f.arn }
}
