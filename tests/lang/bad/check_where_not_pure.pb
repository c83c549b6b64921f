playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where ec2.instance(f.id).state == "running"   # expect: PB0403 cannot be called in a `where` right behind `when`
  record { affected_resource: f.arn }
}
