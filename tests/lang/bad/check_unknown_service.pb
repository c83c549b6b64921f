playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let i = aws.EC2.DescribeInstances(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0205 did you mean `ec2`?
  where i.Reservations exists
  record { affected_resource: f.arn }
}
