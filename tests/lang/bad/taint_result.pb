fn shown(id: string): string = "i-${id}"

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do aws.ec2.CreateTags(Resources: [shown(f.title ?? "")], Tags: [{ Key: "Seen", Value: "yes" }])   # expect: PB1001 becomes `Resources`
  record { affected_resource: f.arn }
}
