# What does not fit into 120 columns: outer brackets first, then chains, comprehensions and clauses.
action ec2.isolate(i: Instance, cut: string = "untrack", settle: duration = 3s): { changed: bool, detail: string, before: list[Interface] } contain on i {
  let volumes = [v.VolumeId for v in aws.ec2.DescribeVolumes(Filters: [{ Name: "attachment.instance-id", Values: [i.id] }]).Volumes if v.VolumeId exists]
  do aws.s3.PutPublicAccessBlock(Bucket: bucket, ExpectedBucketOwner: run.account, PublicAccessBlockConfiguration: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true }) as blocked else { stop "x" }
  where f.resource.accessKeyDetails.userType == "IAMUser" and f.resource.accessKeyDetails.accessKeyId like "AKIA*" and f.severity > 4
  if f.resource.accessKeyDetails.userType == "IAMUser" and (f.resource.accessKeyDetails.accessKeyId like "AKIA*" or f.severity > 4) { stop "long" }
  verify any(n in aws.ec2.DescribeNetworkInterfaces(NetworkInterfaceIds: [interface]).NetworkInterfaces: n.Groups.size() == 1) within 30s else "not there"
  verify s3.public_access_block(bucket).all within 60s else "public access to ${bucket} is still not blocked after it was set, which is strange"
  fail "`${key}` is not a long-term access key (AKIA...); temporary ones (ASIA...) end when the sessions are revoked" code "InvalidAccessKeyId"
  let tags = [{ Key: "ir:action-key", Value: key }, { Key: "ir:instance", Value: i.id }] + [{ Key: k, Value: tags[k] } for k in tags.keys()]
  return { changed: false, policy_name: "AWSRevokeOlderSessions", before: in_force, detail: "sessions of ${user} were revoked already" }
}
fn iam.revocation_document(before: time): string = json_text({ Version: "2012-10-17", Statement: [{ Effect: "Deny", Action: ["*"], Resource: ["*"], Condition: { DateLessThan: { "aws:TokenIssueTime": before.format() } } }] })
fn domain(address: string, otherwise: string): string = address.split("@").last() ?? otherwise.split("@").last() ?? "unknown.example.com"
