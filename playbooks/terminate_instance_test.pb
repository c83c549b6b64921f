import "playbooks/terminate_instance.pb"
import "playbooks/guards.pb"

site {
  person    "alice" { slack: "U0ALICE" }
  person    "bob" { slack: "U0BOB" }
  person    "carol" { slack: "U0CAROL" }
  person    "mallory" { slack: "U0MALLORY" }
  group     "secops-oncall" { people: ["alice", "bob"] }
  group     "secops-leads" { people: ["carol"] }
  approvals { via: "#secops-approvals", by: "secops-oncall", quorum: 1, within: 30m }
}

action fixture.state(id: string): string read {
  return aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first().State.Name ?? "gone"
}

action fixture.isolated(id: string): bool read {
  let i = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first()
  return i.SecurityGroups.size() == 1 and all(g in i.SecurityGroups: g.GroupName == "ir-isolate-v1")
}

action fixture.tags(id: string): list[string] read {
  let tags = aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [id] }]).Tags
  return ["${t.Key}=${t.Value ?? ""}" for t in tags if t.Key exists]
}

action fixture.snapshots(): int read {
  return aws.ec2.DescribeSnapshots(OwnerIds: ["self"]).Snapshots.size() ?? 0
}

test "isolated at once, disks kept; two people agree, and it is terminated" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance(tags: { Owner: "ml" })
  }
  expect outcome waiting
  expect do ec2.isolate
  expect do ebs.snapshot_volumes
  expect do slack.notify("#security-alerts")
  expect no do ec2.terminate
  expect fixture.isolated(vm.id)
  expect "SecurityStatus=Isolated" in fixture.tags(vm.id)
  expect fixture.snapshots() == vm.volumes.size()
  given approval by "alice"
  expect outcome waiting
  expect no do ec2.terminate
  given approval by "bob"
  expect outcome done
  expect do ec2.terminate
  expect do slack.notify("#security-alerts", "${run.incident_id}: ${vm.id} terminated")
  expect fixture.state(vm.id) == "terminated"
  expect fixture.snapshots() == vm.volumes.size()
  expect (evidence.remediation_status as string) == "remediated"
  expect (evidence.affected_resource as string) == vm.arn
}

test "one person is not two" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  given approval by "alice"
  expect outcome waiting
  expect fixture.state(vm.id) == "running"
}

test "somebody who may not decide does not count" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "mallory"
  given approval by "bob"
  expect outcome waiting
  expect fixture.state(vm.id) == "running"
}

test "denied: it stays, isolated, and people are told" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  given denial by "bob"
  expect outcome done
  expect no do ec2.terminate
  expect do slack.notify("#security-alerts", "${run.incident_id}: ${vm.id} stays, isolated: its termination was denied")
  expect fixture.isolated(vm.id)
  expect fixture.state(vm.id) == "running"
}

test "nobody decides: it stays, isolated, and people are told" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  after 29m
  expect outcome waiting
  after 2m
  expect outcome done
  expect no do ec2.terminate
  expect do slack.notify(
    "#security-alerts",
    "${run.incident_id}: ${vm.id} stays, isolated: nobody decided about its termination"
  )
  expect fixture.isolated(vm.id)
  expect fixture.state(vm.id) == "running"
}

test "after ten minutes the leads may decide too, not before" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  after 9m
  given approval by "carol"
  expect outcome waiting
  after 2m
  given approval by "carol"
  expect outcome done
  expect do ec2.terminate
  expect fixture.state(vm.id) == "terminated"
}

test "the instance has changed meanwhile: asked anew, what was agreed before is void" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  expect outcome waiting
  given {
    do aws.ec2.CreateTags(Resources: [vm.id], Tags: [{ Key: "Owner", Value: "forensics" }])
  }
  given approval by "bob"
  expect outcome waiting
  expect no do ec2.terminate
  given approval by "alice"
  given approval by "bob"
  expect outcome done
  expect do ec2.terminate
}

test "a Critical instance is neither isolated nor terminated, and nobody is asked" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance(tags: { Critical: "True" })
  }
  expect denied by critical_instances
  expect no do ec2.isolate
  expect no do ec2.tag
  expect no do slack.notify
  expect not fixture.isolated(vm.id)
  expect fixture.state(vm.id) == "running"
  expect (evidence.remediation_status as string) == "denied"
}

test "tagged Critical while people were deciding: it is not terminated" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome waiting
  given {
    do aws.ec2.CreateTags(Resources: [vm.id], Tags: [{ Key: "Critical", Value: "true" }])
  }
  given approval by "alice"
  given approval by "bob"
  given approval by "alice"
  given approval by "bob"
  expect denied by critical_instances
  expect no do ec2.terminate
  expect fixture.state(vm.id) == "running"
}

test "the same finding again within six hours is a repeat, later it is not" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome duplicate
  expect no do ec2.isolate
  after 5h
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect outcome duplicate
  after 2h
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect outcome waiting
}

test "another instance is no repeat" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: one.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: two.id }
  given {
    let one = sim.instance()
    let two = sim.instance()
  }
  expect outcome waiting
  expect fixture.isolated(one.id)
  expect fixture.isolated(two.id)
}

test "the sixth instance within an hour: people are asked before it is touched" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: a.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: b.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: c.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: d.id }
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: e.id }
  given {
    let a = sim.instance()
    let b = sim.instance()
    let c = sim.instance()
    let d = sim.instance()
    let e = sim.instance()
    let last = sim.instance()
  }
  given denial by "alice"
  given denial by "alice"
  given denial by "alice"
  given denial by "alice"
  given denial by "alice"
  expect outcome done
  expect fixture.isolated(e.id)
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: last.id }
  expect outcome waiting
  expect no do ec2.isolate
  expect not fixture.isolated(last.id)
  given denial by "alice"
  expect outcome stopped
  expect no do ec2.isolate
  expect not fixture.isolated(last.id)
}

test "findings of another type and of less weight are left alone" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.type: "Trojan:EC2/DGADomainRequest.B" }
  expect outcome skipped
  given event "terminate_instance.event.json" with { detail.severity: 7.9 }
  expect outcome skipped
  expect no do ec2.isolate
}

test "backdoors too, and a severity of more than 8" for terminate_instance {
  given event "terminate_instance.event.json" with {
    detail.type: "Backdoor:EC2/C&CActivity.B!DNS"
    detail.severity: 8.9
    detail.resource.instanceDetails.instanceId: vm.id
  }
  given {
    let vm = sim.instance()
  }
  expect outcome waiting
  expect do ec2.isolate
}

test "a finding that names no instance" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: none }
  expect outcome skipped
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails: none }
  expect outcome skipped
  expect no do ec2.isolate
}

test "an instance that is gone, and one that was terminated meanwhile" for terminate_instance {
  given event "terminate_instance.event.json"
  expect outcome failed
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
    do aws.ec2.TerminateInstances(InstanceIds: [vm.id])
  }
  expect outcome skipped
  expect no do ec2.isolate
}

test "isolated and kept already: nothing changes but that it is asked" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome waiting
  given denial by "alice"
  after 7h
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect outcome waiting
  expect no do aws.ec2.ModifyNetworkInterfaceAttribute
  expect no do aws.ec2.CreateSnapshots
  expect no do aws.ec2.CreateTags
}

test "somebody else has terminated it while people were deciding" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome waiting
  given {
    do aws.ec2.TerminateInstances(InstanceIds: [vm.id])
  }
  given approval by "alice"
  given approval by "bob"
  given approval by "alice"
  given approval by "bob"
  expect outcome done
  expect no do aws.ec2.TerminateInstances
}

test "the isolation fails: nobody is asked, and the run says that it failed" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.ModifyNetworkInterfaceAttribute "UnauthorizedOperation" times 9
  expect outcome failed
  expect no do ec2.tag
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "partial"
}

test "the snapshots fail: it is cut off all the same, but never terminated" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.CreateSnapshots "UnauthorizedOperation" times 9
  expect outcome failed
  expect do ec2.isolate
  expect no do slack.notify
  expect fixture.isolated(vm.id)
}

test "AWS refuses the termination: the run says that it failed" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.TerminateInstances "OperationNotPermitted" times 9
  given approval by "alice"
  given approval by "bob"
  expect outcome failed
  expect fixture.state(vm.id) == "running"
}

test "a run that is killed at any moment asks once and ends alike: granted" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given approval by "alice"
  given approval by "bob"
  given crash at each step
  expect outcome done
  expect fixture.state(vm.id) == "terminated"
  expect fixture.snapshots() == vm.volumes.size()
}

test "a run that is killed at any moment ends alike: expired" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given crash at each step
  after 31m
  expect outcome done
  expect no do ec2.terminate
  expect fixture.isolated(vm.id)
  expect fixture.state(vm.id) == "running"
}

test "channels are the deployment's" for terminate_instance {
  given event "terminate_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given param
  alerts_channel = "#soc"
  given denial by "alice"
  expect outcome done
  expect do slack.notify("#soc")
}
