import "playbooks/revoke_user_sessions.pb"
import "playbooks/guards.pb"

test "the user's sessions end, the user and its key are kept, people are told" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: mallory.name }
  given {
    let mallory = sim.user()
  }
  expect outcome done
  expect do iam.revoke_sessions(user: mallory.name)
  expect do slack.notify("#security-alerts")
  expect aws.iam.ListUserPolicies(UserName: mallory.name).PolicyNames == ["AWSRevokeOlderSessions"]
  expect all(k in aws.iam.ListAccessKeys(UserName: mallory.name).AccessKeyMetadata: k.Status == "Active")
  expect (evidence.affected_resource as string) == mallory.arn
}

test "the same finding again changes nothing and tells nobody" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: mallory.name }
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: mallory.name }
  given {
    let mallory = sim.user()
  }
  expect outcome done
  expect no do aws.iam.PutUserPolicy
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "already_remediated"
}

test "findings of another type, of less weight and of roles are left alone" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.type: "UnauthorizedAccess:IAMUser/TorIPCaller" }
  expect outcome skipped
  given event "revoke_user_sessions.event.json" with { detail.severity: 6.9 }
  expect outcome skipped
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userType: "AssumedRole" }
  expect outcome skipped
  expect no do iam.revoke_sessions
}

test "a severity of exactly 7 is enough" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with {
    detail.severity: 7
    detail.resource.accessKeyDetails.userName: mallory.name
  }
  given {
    let mallory = sim.user()
  }
  expect outcome done
}

test "a finding without the user's name" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: none }
  expect outcome skipped
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails: none }
  expect outcome skipped
  expect no do iam.revoke_sessions
}

test "AWS refuses" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: mallory.name }
  given {
    let mallory = sim.user()
  }
  given fault aws.iam.PutUserPolicy "AccessDenied" times 9
  expect outcome failed
  expect no do iam.revoke_sessions
  expect no do slack.notify
}

test "a run that is killed at any moment ends alike" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: mallory.name }
  given {
    let mallory = sim.user()
  }
  given crash at each step
  expect outcome done
  expect do slack.notify
  expect aws.iam.ListUserPolicies(UserName: mallory.name).PolicyNames == ["AWSRevokeOlderSessions"]
}

test "a user for emergencies keeps its sessions: by its name" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: root.name }
  given {
    let root = sim.user(name: "break-glass-1")
  }
  expect denied by break_glass_users
  expect no do iam.revoke_sessions
}

test "other tags, other values and other names are nobody's for emergencies" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: user.name }
  given {
    let user = sim.user(name: "not-break-glass", tags: { BreakGlass: "False", Emergency: "True" })
  }
  expect outcome done
}

test "a user that is gone, and what cannot be a user's name, are the act's to refuse" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: "nobody" }
  expect outcome failed
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: "<!channel>" }
  expect outcome failed
  expect (evidence.reason.code as string) == "InvalidUserName"
}

test "whether it is for emergencies cannot be found out: a no" for revoke_user_sessions {
  given event "revoke_user_sessions.event.json" with { detail.resource.accessKeyDetails.userName: user.name }
  given {
    let user = sim.user()
  }
  given fault aws.iam.ListUserTags "AccessDenied" times 9
  expect denied by break_glass_users
}
