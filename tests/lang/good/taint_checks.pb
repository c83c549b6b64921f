param known: list[string]

# A name that somebody else checks.
action team.quarantine(user: string) contain on user {
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: user)
} undo none "an example"

# A name that it checks itself.
action team.careful(user: string) contain on user {
  if not (user matches "^[a-z]+$") {
    fail "no name"
  }
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: user)
} undo none "an example"

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let id = f.resource.instanceDetails.instanceId
  where id matches "^i-[0-9a-f]{17}$"
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "Finding", Value: f.title ?? f.id }])

  let key = f.resource.accessKeyDetails
  where key.userName exists and key.accessKeyId exists
  if not iam.user_name_ok(key.userName) {
    stop "not a name"
  }
  do aws.iam.AddUserToGroup(GroupName: "quarantine", UserName: key.userName)
  if key.accessKeyId in known or key.accessKeyId == "AKIAIOSFODNN7EXAMPLE" {
    do aws.iam.UpdateAccessKey(UserName: key.userName, AccessKeyId: key.accessKeyId, Status: "Inactive")
  }
  let user = iam.user(key.userName)
  do team.quarantine(user.name)
  do team.careful(f.resource.accessKeyDetails.principalId ?? "nobody")
  let bucket = f.resource.s3BucketDetails.first().name
  where bucket exists
  let tags = s3.bucket_tags(bucket)
  where not (tags["Public"] == "yes")
  do aws.s3.PutBucketVersioning(Bucket: bucket, VersioningConfiguration: { Status: "Enabled" })
  let arn = arn(f.resource.s3BucketDetails.first().arn ?? "")
  where arn exists
  do aws.sns.TagResource(ResourceArn: string(arn), Tags: [{ Key: "Seen", Value: "yes" }])
  do aws.iam.PutRolePolicy(
    RoleName: "suspects",
    PolicyName: "deny",
    PolicyDocument: json_text({ Statement: [{ Effect: "Deny", Resource: f.arn }] })
  )
  do slack.notify("#a", "seen: ${f.title ?? f.id}")
  record { affected_resource: f.arn }
}
