playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  for r in aws.ec2.DescribeInstances().Reservations {
    do slack.notify("#a", r.Instance.first().InstanceId ?? "")   # expect: PB0207 did you mean `Instances`?
  }
  record { affected_resource: f.arn }
}
