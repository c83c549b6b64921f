action team.mark(id: string) contain on id {
  do team.inner(id)
} undo none "an example"
action team.inner(instance: string) contain on instance {
  do aws.ec2.CreateTags(Resources: [instance], Tags: [{ Key: "Seen", Value: "yes" }])
} undo none "an example"

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId ?? ""
  do team.mark(id)   # expect: PB1001 becomes `Resources` of `aws.ec2.CreateTags` unchecked
  record { affected_resource: f.arn }
}
