# What no playbook may do, whoever wrote it and whatever an event says.
#
# Guards hold in every playbook that is compiled together with this file, and are asked right before each act. They read afresh: what
# counts is the tag that is there in that moment. What cannot be read is a no. So whoever may set these tags decides what automation
# may touch: restrict who may tag.
#
# A playbook gets past one with `authorize "critical-override" because "CHG-1234"`, a line that reviewers see and the evidence keeps.

# Instances whose loss costs more than what runs on them: marked with the tag Critical=True, they are left to people.
guard critical_instances {
  on     ec2.isolate as act
  on     ec2.stop as act
  on     ec2.terminate as act
  on     aws.ec2.StopInstances as act
  on     aws.ec2.TerminateInstances as act
  where  marks.critical([act.target ?? ""] + ((act.args.InstanceIds as list[string]) ?? []))
  deny   "${act.target ?? "an instance"} is tagged Critical: its owner decides, no playbook does"
  unless authorized "critical-override"
}

# Users and roles for the day on which all else fails: named break-glass…, or marked with the tag BreakGlass=True.
guard break_glass_users {
  on     iam.deactivate_key as act
  on     iam.revoke_sessions as act
  on     iam.revoke_role_sessions as act
  on     aws.iam.AttachUserPolicy as act
  on     aws.iam.AttachRolePolicy as act
  on     aws.iam.DeleteAccessKey as act
  on     aws.iam.DeleteLoginProfile as act
  on     aws.iam.DeleteRole as act
  on     aws.iam.DeleteUser as act
  where  marks.break_glass_user((act.args.user as string) ?? (act.args.UserName as string))
    or marks.break_glass_role((act.args.role as string) ?? (act.args.RoleName as string))
  deny   "${marks.who(act.args)} is for emergencies: it must work when all else fails"
  unless authorized "break-glass-override"
}

# Buckets with evidence and logs: named evidence-…, or marked with the tag Evidence=True. Making them less public is welcome.
guard evidence_buckets {
  on     aws.s3.DeleteBucket as act
  on     aws.s3.DeleteBucketPolicy as act
  on     aws.s3.DeleteObject as act
  on     aws.s3.DeleteObjects as act
  on     aws.s3.DeletePublicAccessBlock as act
  on     aws.s3.PutBucketLifecycleConfiguration as act
  on     aws.s3.PutBucketPolicy as act
  on     aws.s3.PutBucketVersioning as act
  where  marks.evidence_bucket((act.args.Bucket as string) ?? "")
  deny   "${(act.args.Bucket as string) ?? "the bucket"} holds evidence: it stays as it is"
  unless authorized "evidence-override"
}

# Of a user, or of a role, whichever is in the arguments of an act.
fn marks.who(args: json): string =
  (args.user as string) ?? (args.UserName as string) ?? (args.role as string) ?? (args.RoleName as string) ?? "it"

action marks.critical(ids: list[string]): bool read {
  let wanted = [{ Name: "resource-id", Values: ids }, { Name: "key", Values: ["Critical"] }]
  return any(t in aws.ec2.DescribeTags(Filters: wanted).Tags: t.Value.lower() == "true")
}

# Names that IAM cannot have, and users and roles that are gone, are nobody's: the act itself says so.
action marks.break_glass_user(name: string?): bool read {
  if not (name exists) {
    return false
  }
  if name like "break-glass*" {
    return true
  }
  if not iam.user_name_ok(name) {
    return false
  }
  do aws.iam.ListUserTags(UserName: name) as found else {
    if error.code == "NoSuchEntity" {
      return false
    }
    fail error
  }
  return any(t in found.Tags: t.Key == "BreakGlass" and t.Value.lower() == "true")
}

action marks.break_glass_role(name: string?): bool read {
  if not (name exists) {
    return false
  }
  if name like "break-glass*" {
    return true
  }
  if not iam.user_name_ok(name) {
    return false
  }
  do aws.iam.ListRoleTags(RoleName: name) as found else {
    if error.code == "NoSuchEntity" {
      return false
    }
    fail error
  }
  return any(t in found.Tags: t.Key == "BreakGlass" and t.Value.lower() == "true")
}

action marks.evidence_bucket(name: string): bool read {
  return name like "evidence-*" or s3.bucket_tags(name)["Evidence"].lower() == "true"
}
