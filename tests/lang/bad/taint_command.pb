playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let user = f.resource.accessKeyDetails.userName ?? "nobody"
  do aws.ssm.SendCommand(
    DocumentName: "AWS-RunShellScript",
    InstanceIds: ["i-0123456789abcdef0"],
    Parameters: { commands: ["pkill -u ${user}"] }   # expect: PB1002 gets into `Parameters` of `aws.ssm.SendCommand` as it is
  )
  record { affected_resource: f.arn }
}
