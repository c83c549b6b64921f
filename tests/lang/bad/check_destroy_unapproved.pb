playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do aws.ec2.TerminateInstances(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0406 must stand in the block of an `approve`
  record { affected_resource: f.arn }
}
