playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let user = (f.resource.accessKeyDetails.userName ?? "nobody").lower()
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: user)   # expect: PB1001 `user` holds text out of the event
  record { affected_resource: f.arn }
}
