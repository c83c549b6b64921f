playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId
  where id exists
  if id matches "^i-[0-9a-f]+$" or f.severity > 5 {
    do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "Seen", Value: "yes" }])   # expect: PB1001
  }
  record { affected_resource: f.arn }
}
