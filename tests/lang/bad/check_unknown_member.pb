playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let g = aws.ec2.DescribeSecurityGroups(Filters: [{ Name: "vpc-id", Value: ["vpc-1"] }])   # expect: PB0306 did you mean `Values`?
  where g.SecurityGroups exists
  record { affected_resource: f.arn }
}
