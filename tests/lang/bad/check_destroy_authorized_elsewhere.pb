playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  if f.severity > 5 {
    authorize "x" because "CHG-1"
  }
  do aws.ec2.TerminateInstances(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0406
  record { affected_resource: f.arn }
}
