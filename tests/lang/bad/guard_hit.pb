guard no_stops {
  on ec2.stop
  deny "instances are not stopped here"
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
  do ec2.stop(i)   # expect: PB1005 the guard `no_stops` denies this step in every run
  record { affected_resource: f.arn }
}
