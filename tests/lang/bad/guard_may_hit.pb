guard many {
  on ec2.tag as a
  where a.args.tags.size() > 1
  deny "too many"
}

guard inside {
  on aws.ec2.CreateTags
  deny "no tags"
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
  let tags = { "Seen": f.title ?? "yes" }
  do ec2.tag(i, tags)   # expect: PB1006 the guard `many` may deny this step   # expect: PB1006 the guard `inside` may deny an operation of this step
  record { affected_resource: f.arn }
}
