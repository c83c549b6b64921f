playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  for i in aws.ec2.DescribeInstances().Reservations.first().Instances {
    if i.State.Name == "runing" {   # expect: PB0603 can never hold
      do slack.notify("#a", "b")
    }
  }
  record { affected_resource: f.arn }
}
