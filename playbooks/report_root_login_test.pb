import "playbooks/report_root_login.pb"

test "people are told who signed in from where" for report_root_login {
  given event "report_root_login.event.json"
  expect outcome done
  expect do slack.notify(
    "#security-alerts",
    "${run.incident_id}: root sign-in to account 123456789012 from 198.51.100.7: Success, MFA No"
  )
  expect (evidence.affected_resource as string) == "arn:aws:iam::123456789012:root"
  expect (evidence.remediation_status as string) == "reported"
}

test "a sign-in that is not root's, and what is no sign-in" for report_root_login {
  given event "report_root_login.event.json" with { detail.userIdentity.type: "IAMUser" }
  expect outcome skipped
  given event "report_root_login.event.json" with { detail.eventName: "SwitchRole" }
  expect outcome skipped
  expect no do slack.notify
}

test "an event that leaves most of it out" for report_root_login {
  given event "report_root_login.event.json" with {
    detail.userIdentity: { type: "Root" }
    detail.sourceIPAddress: none
    detail.responseElements: none
    detail.additionalEventData: none
    account: none
    detail.recipientAccountId: none
  }
  expect outcome done
  expect do slack.notify(
    "#security-alerts",
    "${run.incident_id}: root sign-in to account unknown from an unknown address: unknown, MFA unknown"
  )
}

test "Slack is down: the run says that nobody was told" for report_root_login {
  given event "report_root_login.event.json"
  given chat down
  expect outcome failed
}

test "a run that is killed at any moment tells people all the same" for report_root_login {
  given event "report_root_login.event.json"
  given crash at each step
  expect outcome done
  expect do slack.notify
}
