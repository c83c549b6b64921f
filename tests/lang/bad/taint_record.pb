action team.quarantine(who: { name: string }) contain on who {
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: who.name)
} undo none "an example"

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let who = { name: f.resource.accessKeyDetails.userName ?? "" }
  do team.quarantine(who)   # expect: PB1001 becomes `UserName` of `aws.iam.AddUserToGroup` unchecked
  record { affected_resource: f.arn }
}
