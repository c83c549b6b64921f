playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do aws.DescribeInstances()   # expect: PB0206 an AWS operation has three parts
  record { affected_resource: f.arn }
}
