playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.instanceDetails.instanceId exists
  let i = ec2.instance(f.resource.instanceDetails.instanceId)
  approve "Terminate ${i.id}?" by group "oncall" within 30m {
    do aws.iam.DeleteAccessKey(AccessKeyId: "AKIAIOSFODNN7EXAMPLE")   # expect: PB1003 read it first
  }
  record { affected_resource: f.arn }
}
