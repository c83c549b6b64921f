# What an action changes through other actions is theirs to undo.
action team.mark(i: Instance): { changed: bool } contain on i {
  do ec2.tag(i, { Seen: "yes" })
  return { changed: true }
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
  on failure undo
  do team.mark(i)
  record { affected_resource: i.arn }
}
