import "playbooks/quarantine_instance.pb"
import "playbooks/guards.pb"

action fixture.groups(id: string): list[string] read {
  let i = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first()
  return [g.GroupName for g in i.SecurityGroups if g.GroupName exists]
}

action fixture.tags(id: string): list[string] read {
  let tags = aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [id] }]).Tags
  return ["${t.Key}=${t.Value ?? ""}" for t in tags if t.Key exists]
}

test "the disks are kept, the instance is cut off and marked, people are told" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance(tags: { Owner: "ml" })
  }
  expect outcome done
  expect do ebs.snapshot_volumes
  expect do ec2.isolate
  expect do ec2.tag
  expect do slack.notify("#security-alerts")
  expect no do aws.ec2.TerminateInstances
  expect fixture.groups(vm.id) == ["ir-isolate-v1"]
  expect "SecurityStatus=Isolated" in fixture.tags(vm.id)
  expect aws.ec2.DescribeSnapshots(OwnerIds: ["self"]).Snapshots.size() == vm.volumes.size()
  expect (evidence.remediation_status as string) == "remediated"
  expect (evidence.affected_resource as string) == vm.arn
}

test "the same finding again changes nothing and tells nobody" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome done
  expect no do aws.ec2.ModifyNetworkInterfaceAttribute
  expect no do aws.ec2.CreateSnapshots
  expect no do aws.ec2.CreateTags
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "already_remediated"
}

test "what was undone by hand is done again, and people are told: the network" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
    let open = sim.security_group()
  }
  expect outcome done
  given {
    do aws.ec2.ModifyInstanceAttribute(InstanceId: vm.id, Groups: [open])
  }
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect no do aws.ec2.CreateSnapshots
  expect no do aws.ec2.CreateTags
  expect do slack.notify
  expect fixture.groups(vm.id) == ["ir-isolate-v1"]
}

test "what was undone by hand is done again, and people are told: the marks" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome done
  given {
    do aws.ec2.DeleteTags(Resources: [vm.id])
  }
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect no do aws.ec2.CreateSnapshots
  expect no do aws.ec2.ModifyNetworkInterfaceAttribute
  expect do slack.notify
  expect "SecurityStatus=Isolated" in fixture.tags(vm.id)
}

test "what was undone by hand is done again, and people are told: the snapshots" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  expect outcome done
  given {
    for s in aws.ec2.DescribeSnapshots(OwnerIds: ["self"]).Snapshots {
      do aws.ec2.DeleteSnapshot(SnapshotId: s.SnapshotId ?? "")
    }
  }
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  expect no do aws.ec2.ModifyNetworkInterfaceAttribute
  expect no do aws.ec2.CreateTags
  expect do slack.notify
  expect aws.ec2.DescribeSnapshots(OwnerIds: ["self"]).Snapshots.size() == vm.volumes.size()
}

test "a severity of exactly 5 is enough" for quarantine_instance {
  given event "quarantine_instance.event.json" with {
    detail.severity: 5
    detail.resource.instanceDetails.instanceId: vm.id
  }
  given {
    let vm = sim.instance()
  }
  expect outcome done
}

test "findings of another type and of less weight are left alone" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.type: "Recon:EC2/PortProbeUnprotectedPort" }
  expect outcome skipped
  given event "quarantine_instance.event.json" with { detail.severity: 4.9 }
  expect outcome skipped
  expect no do ec2.isolate
}

test "a finding that names no instance" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: none }
  expect outcome skipped
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails: none }
  expect outcome skipped
  expect no do ec2.isolate
}

test "an instance that is gone" for quarantine_instance {
  given event "quarantine_instance.event.json"
  expect outcome failed
  expect no do ec2.isolate
}

test "an instance that was terminated meanwhile" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
    do aws.ec2.TerminateInstances(InstanceIds: [vm.id])
  }
  expect outcome skipped
  expect no do ebs.snapshot_volumes
}

test "the snapshots fail: nothing else is done before somebody has looked" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.CreateSnapshots "UnauthorizedOperation" times 9
  expect outcome failed
  expect no do ec2.isolate
  expect no do slack.notify
}

test "AWS fails half-way: the snapshots are there, and the run says that it failed" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.ModifyNetworkInterfaceAttribute "UnauthorizedOperation" times 9
  expect outcome failed
  expect do ebs.snapshot_volumes
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "partial"
}

test "AWS is busy for a moment" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.CreateSnapshots "RequestLimitExceeded" times 2
  given fault aws.ec2.ModifyNetworkInterfaceAttribute "RequestLimitExceeded" times 2
  expect outcome done
}

test "a run that is killed at any moment ends alike" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given crash at each step
  expect outcome done
  expect do slack.notify
  expect fixture.groups(vm.id) == ["ir-isolate-v1"]
  expect "SecurityStatus=Isolated" in fixture.tags(vm.id)
  expect aws.ec2.DescribeSnapshots(OwnerIds: ["self"]).Snapshots.size() == vm.volumes.size()
}

test "a Critical instance is not isolated, and not marked as if it were" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance(tags: { Critical: "True" })
  }
  expect denied by critical_instances
  expect no do ec2.isolate
  expect no do ec2.tag
  expect (evidence.remediation_status as string) == "denied"
}

test "other values of the tag, and other tags, mean nothing" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance(tags: { Critical: "False", Important: "True" })
  }
  expect outcome done
}

test "the neighbour's tag means nothing" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let neighbour = sim.instance(tags: { Critical: "True" })
    let vm = sim.instance()
  }
  expect outcome done
  expect neighbour.id != vm.id
}

test "tags that cannot be read are a no" for quarantine_instance {
  given event "quarantine_instance.event.json" with { detail.resource.instanceDetails.instanceId: vm.id }
  given {
    let vm = sim.instance()
  }
  given fault aws.ec2.DescribeTags "UnauthorizedOperation" times 1
  expect denied by critical_instances
  expect no do ec2.isolate
}
