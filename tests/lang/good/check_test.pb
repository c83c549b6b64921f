# Everything that a test can give and expect.
param channel: string = "#security"

playbook told {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify(channel, "seen")
  record { affected_resource: f.arn }
}

test "all that can be given and expected" for told {
  given event "finding.json" with {
    id: "e-1"
    detail.severity: 8
    detail.resource.instanceDetails.instanceId: vm.id
    detail.description: none
  }
  given event { source: "aws.guardduty" }
  given {
    let vm = sim.instance(tags: { Owner: "ml" })
    do aws.ec2.StopInstances(InstanceIds: [vm.id])
  }
  given param
  channel = "#other"
  given fault aws.ec2.CreateSnapshots "RequestLimitExceeded" times 2
  given kill_switch off
  given approval by "alice"
  given denial by "bob"
  given crash at each step
  after 31m
  expect outcome waiting
  expect do slack.notify
  expect do slack.notify("#other")
  expect no do aws.ec2.TerminateInstances(InstanceIds: [vm.id])
  expect denied by kill_switch
  expect run.playbook == "told" and (evidence.outcome as string) == "done"
  expect aws.ec2.DescribeInstances(InstanceIds: [vm.id]).Reservations.first().Instances.first().State.Name == "stopped"
  given event "finding.json"
  expect outcome done
}
