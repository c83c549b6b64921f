playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     manual
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  # pbc: allow PB0642 "a fixed instance"
  approve "go on?" by group "g" within 1h {
    do aws.ec2.TerminateInstances(InstanceIds: ["i-0123456789abcdef0"])   # expect: PB0404 reads and notifies only
  }
  record { affected_resource: f.arn }
}
