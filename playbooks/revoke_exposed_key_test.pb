import "playbooks/revoke_exposed_key.pb"
import "playbooks/guards.pb"

test "the key is turned off, its sessions end, people are told" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  expect outcome done
  expect do iam.deactivate_key(user: mallory.name, key: mallory.key)
  expect do iam.revoke_sessions(user: mallory.name)
  expect do slack.notify("#security-alerts")
  expect all(k in aws.iam.ListAccessKeys(UserName: mallory.name).AccessKeyMetadata: k.Status == "Inactive")
  expect aws.iam.ListUserPolicies(UserName: mallory.name).PolicyNames == ["AWSRevokeOlderSessions"]
  expect (evidence.remediation_status as string) == "remediated"
  expect (evidence.affected_resource as string) == mallory.arn
}

test "the same finding again changes nothing and tells nobody" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  expect outcome done
  expect no do slack.notify
  expect no do aws.iam.UpdateAccessKey
  expect no do aws.iam.PutUserPolicy
  expect (evidence.remediation_status as string) == "already_remediated"
}

test "the key was off already: the sessions still end, and people are told" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
    do aws.iam.UpdateAccessKey(UserName: mallory.name, AccessKeyId: mallory.key, Status: "Inactive")
  }
  expect outcome done
  expect do iam.revoke_sessions
  expect do slack.notify
}

test "the key was turned on again: it is turned off, though the sessions had ended" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  expect outcome done
  given {
    do aws.iam.UpdateAccessKey(UserName: mallory.name, AccessKeyId: mallory.key, Status: "Active")
  }
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  expect outcome done
  expect do aws.iam.UpdateAccessKey
  expect no do aws.iam.PutUserPolicy
  expect do slack.notify
}

test "findings of another type, of less weight, of roles and of temporary keys are left alone" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with { detail.type: "Recon:IAMUser/TorIPCaller" }
  expect outcome skipped
  given event "revoke_exposed_key.event.json" with { detail.severity: 4.9 }
  expect outcome skipped
  given event "revoke_exposed_key.event.json" with { detail.resource.accessKeyDetails.userType: "AssumedRole" }
  expect outcome skipped
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.accessKeyId: "ASIAIOSFODNN7EXAMPLE"
  }
  expect outcome skipped
}

test "a severity of exactly 5 is enough" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.severity: 5
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  expect outcome done
}

test "a finding without the user's name or the key" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with { detail.resource.accessKeyDetails.userName: none }
  expect outcome skipped
  given event "revoke_exposed_key.event.json" with { detail.resource.accessKeyDetails.accessKeyId: none }
  expect outcome skipped
  given event "revoke_exposed_key.event.json" with { detail.resource.accessKeyDetails: none }
  expect outcome skipped
  expect no do iam.deactivate_key
}

test "AWS fails half-way: the key is off, and the run says that it failed" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  given fault aws.iam.PutUserPolicy "AccessDenied" times 9
  expect outcome failed
  expect do iam.deactivate_key
  expect no do iam.revoke_sessions
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "partial"
}

test "AWS is busy for a moment" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  given fault aws.iam.UpdateAccessKey "Throttling" times 2
  given fault aws.iam.PutUserPolicy "Throttling" times 2
  expect outcome done
}

test "a run that is killed at any moment ends alike" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  given crash at each step
  expect outcome done
  expect do slack.notify
  expect all(k in aws.iam.ListAccessKeys(UserName: mallory.name).AccessKeyMetadata: k.Status == "Inactive")
}

test "the channel is the deployment's" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: mallory.name
    detail.resource.accessKeyDetails.accessKeyId: mallory.key
  }
  given {
    let mallory = sim.user()
  }
  given param
  alerts_channel = "#soc"
  expect do slack.notify("#soc")
}

test "a user for emergencies keeps its sessions and its key: by its tag" for revoke_exposed_key {
  given event "revoke_exposed_key.event.json" with {
    detail.resource.accessKeyDetails.userName: root.name
    detail.resource.accessKeyDetails.accessKeyId: root.key
  }
  given {
    let root = sim.user(tags: { BreakGlass: "True" })
  }
  expect denied by break_glass_users
  expect no do iam.deactivate_key
  expect all(k in aws.iam.ListAccessKeys(UserName: root.name).AccessKeyMetadata: k.Status == "Active")
}
