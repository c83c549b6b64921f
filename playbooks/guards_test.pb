# What the guards forbid, tried by a playbook that was written for it. How they meet the library's own playbooks is in those's tests.
import "playbooks/guards.pb"

# What somebody may write in a hurry: it does what the finding's title says to what the finding names.
playbook in_a_hurry {
  version  "1.0.0"
  summary  "Tries what the guards forbid"
  owner    "secops@example.com"
  tier     approve
  controls ["TEST-1"]

  when guardduty.finding as f
  where f.title exists
  authorize "no-evidence-needed" because "a simulated account"
  let what = f.title
  if what == "stop" {
    let i = ec2.instance(f.id)
    do ec2.stop(i)
  } else if what == "stop authorized" {
    authorize "critical-override" because "CHG-1234"
    let i = ec2.instance(f.id)
    do ec2.stop(i)
  } else if what == "raw stop" {
    do aws.ec2.StopInstances(InstanceIds: [ec2.instance(f.id).id])
  } else if what == "role" {
    do iam.revoke_role_sessions(f.id)
  } else if what == "attach" {
    do aws.iam.AttachUserPolicy(UserName: iam.user(f.id).name, PolicyArn: "arn:aws:iam::aws:policy/AWSDenyAll")
  } else {
    # pbc: survives "the last of the things that are tried"
    do aws.s3.DeletePublicAccessBlock(Bucket: fixture.bucket(f.id))
  }
  record { affected_resource: f.id }
}

# A bucket's name, checked.
action fixture.bucket(name: string): string pure {
  if not s3.bucket_name_ok(name) {
    fail "`${name}` cannot be the name of a bucket"
  }
  return name
}

action fixture.state(id: string): string read {
  return aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first().State.Name ?? "gone"
}

action fixture.role(name: string, tag: string): string contain {
  do aws.iam.CreateRole(
    RoleName: name,
    AssumeRolePolicyDocument: json_text({
      Version: "2012-10-17"
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }]
    }),
    Tags: [{ Key: "BreakGlass", Value: tag }, { Key: "Monitored", Value: "True" }]
  )
  return name
} undo none "a simulated account"

test "a Critical instance is not stopped, unless a reviewer has agreed" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "stop", detail.id: vm.id }
  given {
    let vm = sim.instance(tags: { Critical: "true" })
  }
  expect denied by critical_instances
  expect fixture.state(vm.id) == "running"
  given event "quarantine_instance.event.json" with { detail.title: "raw stop", detail.id: vm.id }
  expect denied by critical_instances
  expect fixture.state(vm.id) == "running"
  given event "quarantine_instance.event.json" with { detail.title: "stop authorized", detail.id: vm.id }
  expect outcome done
  expect fixture.state(vm.id) == "stopped"
}

test "other instances are stopped" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "stop", detail.id: one.id }
  given event "quarantine_instance.event.json" with { detail.title: "raw stop", detail.id: two.id }
  given {
    let one = sim.instance()
    let two = sim.instance()
  }
  expect fixture.state(one.id) == "stopped"
  expect fixture.state(two.id) == "stopped"
}

test "roles for emergencies: by tag and by name; others are not, nor what is gone or cannot be a name" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: tagged }
  given {
    let tagged = fixture.role("on-call", "true")
  }
  expect denied by break_glass_users
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: named }
  given {
    let named = fixture.role("break-glass-admin", "no")
  }
  expect denied by break_glass_users
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: other }
  given {
    let other = fixture.role("batch", "no")
  }
  expect outcome done
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: "gone" }
  expect outcome failed
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: "<!here>" }
  expect outcome failed
  expect (evidence.reason.code as string) == "InvalidRoleName"
}

test "whether a role is for emergencies cannot be found out: a no" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "role", detail.id: role }
  given {
    let role = fixture.role("batch", "no")
  }
  given fault aws.iam.ListRoleTags "AccessDenied" times 9
  expect denied by break_glass_users
}

test "a playbook's own calls to IAM are looked at too" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "attach", detail.id: root.name }
  given {
    let root = sim.user(tags: { BreakGlass: "true" })
  }
  expect denied by break_glass_users
  given event "quarantine_instance.event.json" with { detail.title: "attach", detail.id: user.name }
  given {
    let user = sim.user(name: "eve")
  }
  expect outcome done
}

test "evidence stays as it is: by name and by tag; other buckets are free" for in_a_hurry {
  given event "quarantine_instance.event.json" with { detail.title: "open", detail.id: named.name }
  given {
    let named = sim.bucket(name: "evidence-2026")
  }
  expect denied by evidence_buckets
  given event "quarantine_instance.event.json" with { detail.title: "open", detail.id: tagged.name }
  given {
    let tagged = sim.bucket(name: "access-logs", tags: { Evidence: "True" })
  }
  expect denied by evidence_buckets
  given event "quarantine_instance.event.json" with { detail.title: "open", detail.id: other.name }
  given {
    let other = sim.bucket(name: "no-evidence", tags: { Evidence: "False", Logs: "True" })
  }
  expect outcome done
}
