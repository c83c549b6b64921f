# A containment that does not come to its end, and is taken back by the run itself: `on failure undo` under kills.

playbook undone_on_failure {
  version  "1.0.0"
  summary  "Isolate and tag an instance, fail, take it back"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "Trojan:EC2/*"
  let id = f.resource.instanceDetails.instanceId
  where id exists

  let i = ec2.instance(id)
  on failure undo
  do ec2.tag(i, { SecurityStatus: "Isolated" })
  do ec2.isolate(i, cut: "tracked-ok")
  do ec2.stop(i)
  do iam.deactivate_key(user: "nobody", key: "AKIAIOSFODNN7EXAMPLE") # there is no such user: the run fails

  record {
    affected_resource: i.arn
  }
}
