action team.kill(id: string) destroy on id {
  do aws.ec2.TerminateInstances(InstanceIds: [id])
}
playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do team.kill("i-0123456789abcdef0")   # expect: PB0406 `team.kill` destroys
  record { affected_resource: f.arn }
}
