# iam.pb - containment of IAM users, keys and roles.
#
# IAM is eventually consistent: a change that was read back is applied, but may take seconds to minutes to be enforced
# everywhere. Deleted users and keys count as contained.
#
# What undoing puts back is the state before the run, and only where nobody has changed it meanwhile: else the undo fails with
# the code `conflict`. Sessions that were ended stay ended.

fn iam.user_name_ok(name: string): bool = name matches "^[A-Za-z0-9_+=,.@-]{1,64}$"

# One user as IAM has it, or none when there is none of that name.
type IamUser {
  name:      string
  arn:       string
  unique_id: string  # AIDA...: a user deleted and made again under the same name is another principal
  path:      string
}

# The ARN of a user without a path, in the account of the event, without asking IAM (the user may be gone).
action iam.user_arn(user: string): string pure {
  return "arn:${ec2.partition(run.region ?? "")}:iam::${run.account ?? ""}:user/${user}"
}

action iam.user(user: string): IamUser read {
  if not iam.user_name_ok(user) {
    fail "`${user}` cannot be the name of an IAM user" code "InvalidUserName"
  }
  let got = aws.iam.GetUser(UserName: user).User
  return { name: got.UserName, arn: got.Arn, unique_id: got.UserId, path: got.Path }
}

# Turns an access key off. A key that is off or gone already is left as it is.
# Keys that begin with ASIA are temporary and cannot be turned off: revoke the sessions instead.
action iam.deactivate_key(user: string, key: string): { changed: bool, detail: string } contain on key {
  if not iam.user_name_ok(user) {
    fail "`${user}` cannot be the name of an IAM user" code "InvalidUserName"
  }
  if not (key matches "^AKIA[A-Z0-9]{12,124}$") {
    fail "`${key}` is not a long-term access key (AKIA...); temporary ones (ASIA...) end when the sessions are revoked"
      code "InvalidAccessKeyId"
  }
  let found = [k for k in aws.iam.ListAccessKeys(UserName: user).AccessKeyMetadata if k.AccessKeyId == key]
  if found.size() == 0 {
    return { changed: false, detail: "${user} has no access key ${key} any more" }
  }
  if any(k in found: k.Status == "Inactive") {
    return { changed: false, detail: "access key ${key} of ${user} was inactive already" }
  }
  do aws.iam.UpdateAccessKey(UserName: user, AccessKeyId: key, Status: "Inactive") else {
    # Two changes of the user met: look what the other one was, then once more.
    if not error.conflict {
      fail error
    }
    if any(
      k in aws.iam.ListAccessKeys(UserName: user).AccessKeyMetadata:
      k.AccessKeyId == key and k.Status == "Active"
    ) {
      do aws.iam.UpdateAccessKey(UserName: user, AccessKeyId: key, Status: "Inactive")
    }
  }
  verify any(
    k in aws.iam.ListAccessKeys(UserName: user).AccessKeyMetadata:
    k.AccessKeyId == key and k.Status == "Inactive"
  ) within 30s else "access key ${key} of ${user} is still active after it was set inactive"
  return { changed: true, detail: "access key ${key} of ${user} set inactive" }
} undo {
  # It was active, or nothing would have been changed.
  do aws.iam.ListAccessKeys(UserName: user) as live else {
    if error.code != "NoSuchEntity" {
      fail error
    }
  }
  let status = [k.Status for k in live.AccessKeyMetadata if k.AccessKeyId == key].first()
  if not (status exists) {
    fail "access key ${key} of ${user} was left inactive and is deleted now: it cannot be had back" code "conflict"
  }
  if status == "Active" {
    return { changed: false, detail: "access key ${key} of ${user} was active again already" }
  }
  do aws.iam.UpdateAccessKey(UserName: user, AccessKeyId: key, Status: "Active")
  verify any(
    k in aws.iam.ListAccessKeys(UserName: user).AccessKeyMetadata:
    k.AccessKeyId == key and k.Status == "Active"
  ) within 30s else "access key ${key} of ${user} is still inactive after it was set active"
  return { changed: true, detail: "access key ${key} of ${user} set active again" }
}

# The policy that AWS's own console writes for "revoke active sessions": deny everything to credentials issued before a time.
fn iam.revocation_document(before: time): string = json_text({
  Version: "2012-10-17"
  Statement: [{
    Effect: "Deny"
    Action: ["*"]
    Resource: ["*"]
    Condition: { DateLessThan: { "aws:TokenIssueTime": before.format("%Y-%m-%dT%H:%M:%S.000Z") } }
  }]
})

# What of a policy document matters here; the rest is ignored.
type RevocationCondition { DateLessThan: map[string]? }
type RevocationStatement { Effect: string?  Condition: RevocationCondition? }
type RevocationPolicy { Statement: list[RevocationStatement] }

# The time before which a document denies sessions; none when it is not such a document.
fn iam.revoked_before(document: string?): time? =
  time(
    (json_parse(document ?? "") as RevocationPolicy)?.Statement?.first()?.Condition?.DateLessThan?["aws:TokenIssueTime"]
      ?? ""
  )

# What is found where our revocation is expected, for people.
fn iam.revocation_found(document: string?): string =
  ["it revokes the sessions from before ${t} now" for t in [iam.revoked_before(document)] if t exists].first()
    ?? ["it is another document now" for d in [document] if d exists].first()
    ?? "it is gone now"

# An inline policy of a user, or of a role; none when it has none of that name.
action iam.user_policy(user: string, name: string): string? read {
  return [
    aws.iam.GetUserPolicy(UserName: user, PolicyName: n).PolicyDocument
    for n in aws.iam.ListUserPolicies(UserName: user).PolicyNames
    if n == name
  ].first()
}

action iam.role_policy(role: string, name: string): string? read {
  return [
    aws.iam.GetRolePolicy(RoleName: role, PolicyName: n).PolicyDocument
    for n in aws.iam.ListRolePolicies(RoleName: role).PolicyNames
    if n == name
  ].first()
}

# Revokes the sessions of a user: every temporary credential issued to it before now stops working (GetSessionToken,
# GetFederationToken, console). Long-term keys are not touched: see iam.deactivate_key. When a revocation from after this
# finding is in place already, nothing is changed.
action iam.revoke_sessions(
  user: string
): { changed: bool, policy_name: string, before: time, detail: string } contain on user {
  if not iam.user_name_ok(user) {
    fail "`${user}` cannot be the name of an IAM user" code "InvalidUserName"
  }
  let previous = iam.user_policy(user, "AWSRevokeOlderSessions")
  let since = run.event_time ?? run.started
  let in_force = iam.revoked_before(previous)
  if in_force exists {
    if in_force >= since {
      return {
        changed: false
        policy_name: "AWSRevokeOlderSessions"
        before: in_force
        detail: "sessions of ${user} issued before ${in_force} were revoked already"
      }
    }
  }
  # Issue times are whole seconds: one more second, so that a session made in this very second ends too.
  let before = now() + 1s
  let document = iam.revocation_document(before)
  do aws.iam.PutUserPolicy(UserName: user, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: document) else {
    # Two changes of the user met. This one does not depend on what the other one was, so it is made once more.
    if not error.conflict {
      fail error
    }
    do aws.iam.PutUserPolicy(UserName: user, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: document)
  }
  verify iam.revoked_before(
    aws.iam.GetUserPolicy(UserName: user, PolicyName: "AWSRevokeOlderSessions").PolicyDocument
  ) >= since within 30s else "the policy that revokes the sessions of ${user} is not there after it was put"
  return {
    changed: true
    policy_name: "AWSRevokeOlderSessions"
    before: before
    detail: "sessions of ${user} issued before ${before} are revoked"
  }
} undo {
  let live = iam.user_policy(user, "AWSRevokeOlderSessions")
  if core.same(live, previous) {
    return { changed: false, detail: "the policy that revoked the sessions of ${user} was taken back already" }
  }
  if not (live == document) {
    fail "this run had left the policy AWSRevokeOlderSessions of ${user} revoking the sessions from before ${before}; ${iam.revocation_found(live)}"
      code "conflict"
  }
  if previous exists {
    do aws.iam.PutUserPolicy(UserName: user, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: previous)
  } else {
    do aws.iam.DeleteUserPolicy(UserName: user, PolicyName: "AWSRevokeOlderSessions")
  }
  verify core.same(iam.user_policy(user, "AWSRevokeOlderSessions"), previous)
    within 30s else "the policy that revoked the sessions of ${user} is not as before after it was taken back"
  return {
    changed: true
    detail: "the policy that revoked the sessions of ${user} is taken back; sessions that it ended stay ended"
  }
}

# The same for a role: everybody who assumed it before now is cut off; new sessions are not stopped. Roles that AWS
# services or Identity Center own cannot be changed this way.
action iam.revoke_role_sessions(
  role: string
): { changed: bool, policy_name: string, before: time, detail: string } contain on role {
  if not (role matches "^[A-Za-z0-9_+=,.@-]{1,64}$") {
    fail "`${role}` cannot be the name of an IAM role" code "InvalidRoleName"
  }
  let found = aws.iam.GetRole(RoleName: role).Role
  if found.Path like "/aws-service-role/*" or role like "AWSReservedSSO_*" {
    fail "${role} belongs to an AWS service or to Identity Center: its sessions must be ended there"
      code "ProtectedRole"
  }
  let previous = iam.role_policy(role, "AWSRevokeOlderSessions")
  let since = run.event_time ?? run.started
  let in_force = iam.revoked_before(previous)
  if in_force exists {
    if in_force >= since {
      return {
        changed: false
        policy_name: "AWSRevokeOlderSessions"
        before: in_force
        detail: "sessions of ${role} issued before ${in_force} were revoked already"
      }
    }
  }
  # Issue times are whole seconds: one more second, so that a session made in this very second ends too.
  let before = now() + 1s
  let document = iam.revocation_document(before)
  do aws.iam.PutRolePolicy(RoleName: role, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: document) else {
    if not error.conflict {
      fail error
    }
    do aws.iam.PutRolePolicy(RoleName: role, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: document)
  }
  verify iam.revoked_before(
    aws.iam.GetRolePolicy(RoleName: role, PolicyName: "AWSRevokeOlderSessions").PolicyDocument
  ) >= since within 30s else "the policy that revokes the sessions of ${role} is not there after it was put"
  return {
    changed: true
    policy_name: "AWSRevokeOlderSessions"
    before: before
    detail: "sessions of ${role} issued before ${before} are revoked"
  }
} undo {
  let live = iam.role_policy(role, "AWSRevokeOlderSessions")
  if core.same(live, previous) {
    return { changed: false, detail: "the policy that revoked the sessions of ${role} was taken back already" }
  }
  if not (live == document) {
    fail "this run had left the policy AWSRevokeOlderSessions of ${role} revoking the sessions from before ${before}; ${iam.revocation_found(live)}"
      code "conflict"
  }
  if previous exists {
    do aws.iam.PutRolePolicy(RoleName: role, PolicyName: "AWSRevokeOlderSessions", PolicyDocument: previous)
  } else {
    do aws.iam.DeleteRolePolicy(RoleName: role, PolicyName: "AWSRevokeOlderSessions")
  }
  verify core.same(iam.role_policy(role, "AWSRevokeOlderSessions"), previous)
    within 30s else "the policy that revoked the sessions of ${role} is not as before after it was taken back"
  return {
    changed: true
    detail: "the policy that revoked the sessions of ${role} is taken back; sessions that it ended stay ended"
  }
}
