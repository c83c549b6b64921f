playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  wait until aws.ec2.InstanceStoped(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0230 did you mean `InstanceStopped`?
  record { affected_resource: f.arn }
}
