playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.accessKeyDetails.userName exists
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: f.resource.accessKeyDetails.userName)   # expect: PB1001 becomes `UserName` of `aws.iam.AddUserToGroup` unchecked
  record { affected_resource: f.arn }
}
