playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when cloudtrail.api_call as f
  let name = f.requestParameters.userName as string
  where name exists
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: name)   # expect: PB1001 `name` holds text out of the event
  record { affected_resource: f.eventID }
}
