playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let ids = [n.networkInterfaceId ?? "" for n in f.resource.instanceDetails.networkInterfaces]
  do aws.ec2.CreateTags(Resources: ids, Tags: [{ Key: "Seen", Value: "yes" }])   # expect: PB1001 becomes `Resources`
  record { affected_resource: f.arn }
}
