# ec2.pb - containment of EC2 instances.
#
# Isolation follows AWS's own guide to incident response: all network interfaces are moved into a security group without
# rules. Security groups do not end connections that are already tracked, nor reach what they never filter (the VPC's own DNS,
# the metadata service): the `cut` parameter of ec2.isolate says what is done about the former.

# A network interface as far as containment needs it.
type Interface {
  id:          string
  vpc:         string
  subnet:      string?
  groups:      list[string]
  private_ip:  string?
  association: string?  # of an Elastic IP
  aws_managed: bool     # made by a service (load balancer, NAT ...): its groups cannot be changed
}

# An instance as the other actions take it.
type Instance {
  id:         string
  arn:        string
  account:    string
  region:     string
  state:      string
  vpc:        string?
  image:      string?
  profile:    string?
  tags:       map[string]
  interfaces: list[Interface]
  link:       string  # to the console, for people
}

# What IncidentID and SecurityStatus mark, and what our groups are called.
fn ec2.partition(region: string): string = { "cn-nor": "aws-cn", "us-gov": "aws-us-gov" }[region.slice(0, 6)] ?? "aws"
fn ec2.console(region: string): string =
  { "cn-nor": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com" }[region.slice(0, 6)]
    ?? "console.aws.amazon.com"
fn ec2.instance_id_ok(id: string): bool = id matches "^i-([0-9a-f]{8}|[0-9a-f]{17})$"

# Looks an instance up: state, tags, interfaces. Fails when there is none (any more).
action ec2.instance(id: string): Instance read {
  if not ec2.instance_id_ok(id) {
    fail "`${id}` is not an instance id" code "InvalidInstanceID.Malformed"
  }
  let region = run.region ?? ""
  let found = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first()
  let i = found.Instances.first()
  if not (i exists) {
    fail "EC2 does not know instance ${id} in ${region}" code "InvalidInstanceID.NotFound"
  }
  let owner = found.OwnerId ?? run.account ?? ""
  return {
    id: id
    arn: "arn:${ec2.partition(region)}:ec2:${region}:${owner}:instance/${id}"
    account: owner
    region: region
    state: i.State.Name ?? "unknown"
    vpc: i.VpcId
    image: i.ImageId
    profile: i.IamInstanceProfile.Arn
    tags: tag_map(i.Tags)
    interfaces: ec2.interfaces(id)
    link: "https://${ec2.console(region)}/ec2/home?region=${region}#InstanceDetails:instanceId=${id}"
  }
}

# The network interfaces of an instance, read fresh.
action ec2.interfaces(id: string): list[Interface] read {
  return [
    {
      id: n.NetworkInterfaceId
      vpc: n.VpcId
      subnet: n.SubnetId
      groups: [g.GroupId for g in n.Groups if g.GroupId exists]
      private_ip: n.PrivateIpAddress
      association: n.Association.AssociationId
      aws_managed: n.RequesterManaged == true
    }
    for n in aws.ec2.DescribeNetworkInterfaces(
      Filters: [{ Name: "attachment.instance-id", Values: [id] }]
    ).NetworkInterfaces
    if n.NetworkInterfaceId exists and n.VpcId exists
  ]
}

# The group of a name in a VPC, made when there is none. A group that another run made in the same moment is taken.
action ec2.group(vpc: string, name: string, purpose: string): { changed: bool, id: string } contain on vpc {
  let filters = [{ Name: "vpc-id", Values: [vpc] }, { Name: "group-name", Values: [name] }]
  let found = aws.ec2.DescribeSecurityGroups(Filters: filters).SecurityGroups.first()
  if found.GroupId exists {
    return { changed: false, id: found.GroupId }
  }
  do aws.ec2.CreateSecurityGroup(
    GroupName: name,
    Description: purpose,
    VpcId: vpc,
    TagSpecifications: [{ ResourceType: "security-group", Tags: [{ Key: "ir:managed", Value: "true" }] }]
  ) as made else {
    if error.code != "InvalidGroup.Duplicate" {
      fail error
    }
    let other = aws.ec2.DescribeSecurityGroups(Filters: filters).SecurityGroups.first()
    if other.GroupId exists {
      return { changed: false, id: other.GroupId }
    }
    fail error
  }
  let id = made.GroupId
  if not (id exists) {
    fail "EC2 made the group ${name} without giving its id" code "NoGroupId"
  }
  verify aws.ec2.DescribeSecurityGroups(Filters: filters).SecurityGroups.first() exists
    within 30s else "the group ${name} in ${vpc} cannot be found after it was made"
  return { changed: true, id: id }
} undo none "a security group that is there changes nothing, and others may use it meanwhile"

# The group without rules of a VPC. Its rules are looked at each time, for whoever may edit security groups may have added
# some; all are taken out, the outbound rule that every new group has too.
action ec2.quarantine_group(vpc: string): { changed: bool, id: string } contain on vpc {
  do ec2.group(vpc, "ir-isolate-v1", "Incident response: isolated instances. No rules, in or out.") as group
  let rules = aws.ec2.DescribeSecurityGroupRules(Filters: [{ Name: "group-id", Values: [group.id] }]).SecurityGroupRules
  let outbound = [r.SecurityGroupRuleId for r in rules if r.IsEgress == true and r.SecurityGroupRuleId exists]
  let inbound = [r.SecurityGroupRuleId for r in rules if r.IsEgress == false and r.SecurityGroupRuleId exists]
  if outbound.size() > 0 {
    do aws.ec2.RevokeSecurityGroupEgress(GroupId: group.id, SecurityGroupRuleIds: outbound)
  }
  if inbound.size() > 0 {
    do aws.ec2.RevokeSecurityGroupIngress(GroupId: group.id, SecurityGroupRuleIds: inbound)
  }
  verify not (
    aws.ec2.DescribeSecurityGroupRules(
      Filters: [{ Name: "group-id", Values: [group.id] }]
    ).SecurityGroupRules.first() exists
  ) within 30s else "the quarantine group ${group.id} of ${vpc} still has rules"
  return { changed: group.changed or outbound.size() > 0 or inbound.size() > 0, id: group.id }
} undo none "the quarantine group has no rules, whatever becomes of one instance: others are in it"

# The group that allows everything to and from everywhere. Connections that only such rules allow are not tracked, so they end the
# moment an interface leaves it: that is how AWS's own containment runbook cuts established connections.
action ec2.untrack_group(vpc: string): { changed: bool, id: string } contain on vpc {
  do ec2.group(
    vpc,
    "ir-untrack-v1",
    "Incident response: passed through for seconds, to end tracked connections."
  ) as group
  let rules = aws.ec2.DescribeSecurityGroupRules(Filters: [{ Name: "group-id", Values: [group.id] }]).SecurityGroupRules
  let open = [r for r in rules if r.IpProtocol == "-1"]
  for direction in ["in", "out"] {
    let four = any(r in open: r.CidrIpv4 == "0.0.0.0/0" and r.IsEgress == (direction == "out"))
    let six = any(r in open: r.CidrIpv6 == "::/0" and r.IsEgress == (direction == "out"))
    if not four {
      if direction == "in" {
        do aws.ec2.AuthorizeSecurityGroupIngress(
          GroupId: group.id,
          IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }]
        )
      } else {
        do aws.ec2.AuthorizeSecurityGroupEgress(
          GroupId: group.id,
          IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }]
        )
      }
    }
    if not six {
      if direction == "in" {
        do aws.ec2.AuthorizeSecurityGroupIngress(
          GroupId: group.id,
          IpPermissions: [{ IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "::/0" }] }]
        )
      } else {
        do aws.ec2.AuthorizeSecurityGroupEgress(
          GroupId: group.id,
          IpPermissions: [{ IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "::/0" }] }]
        )
      }
    }
  }
  return { changed: group.changed, id: group.id }
} undo none "nothing stays in the group, and other isolations pass through it"

# The groups of one interface, in order. Fails when there is no such interface (any more).
action ec2.groups(interface: string): list[string] read {
  let n = aws.ec2.DescribeNetworkInterfaces(NetworkInterfaceIds: [interface]).NetworkInterfaces.first()
  return [g.GroupId for g in n.Groups if g.GroupId exists].sort()
}

# Puts one interface into exactly these groups, and reads it back.
action ec2.set_groups(interface: string, groups: list[string]): { changed: bool, detail: string } contain on interface {
  let before = ec2.groups(interface)
  if before == groups.sort() {
    return { changed: false, detail: "${interface} was in ${groups.join(", ")} already" }
  }
  do aws.ec2.ModifyNetworkInterfaceAttribute(NetworkInterfaceId: interface, Groups: groups)
  verify ec2.groups(interface) == groups.sort()
    within 30s else "network interface ${interface} is not in ${groups.join(", ")} after it was moved"
  return { changed: true, detail: "${interface} moved from ${before.join(", ")} to ${groups.join(", ")}" }
} undo {
  let live = ec2.groups(interface)
  if live == before {
    return { changed: false, detail: "${interface} was in ${before.join(", ")} again already" }
  }
  if live != groups.sort() {
    fail "this run had left ${interface} in ${groups.join(", ")}; it is in ${live.join(", ")} now" code "conflict"
  }
  do aws.ec2.ModifyNetworkInterfaceAttribute(NetworkInterfaceId: interface, Groups: before)
  verify ec2.groups(interface) == before
    within 30s else "network interface ${interface} is not in ${before.join(", ")} after it was moved back"
  return { changed: true, detail: "${interface} moved back to ${before.join(", ")}" }
}

# Puts one interface into one group. Undone as ec2.set_groups is.
action ec2.move_interface(interface: string, group: string): { changed: bool } contain on interface {
  do ec2.set_groups(interface, [group]) as set
  return { changed: set.changed }
}

# Takes an Elastic IP away from an interface.
action ec2.release_address(
  interface: string,
  association: string
): { changed: bool, detail: string } contain on interface {
  let live = aws.ec2.DescribeNetworkInterfaces(NetworkInterfaceIds: [interface]).NetworkInterfaces.first()
  if live.Association.AssociationId != association {
    return { changed: false, detail: "${association} had left ${interface} already" }
  }
  do aws.ec2.DisassociateAddress(AssociationId: association)
  return { changed: true, detail: "${association} taken from ${interface}" }
} undo none "an Elastic IP has to be associated again by hand: it may be somewhere else meanwhile"

# Cuts an instance off the network: every interface into the quarantine group of its VPC, and nothing else in there.
#
# cut says what happens to connections that are established already:
#   "untrack"     pass through a group that allows everything for `settle`, so that they stop being tracked and end (default)
#   "tracked-ok"  leave them: they go on until they close or idle out
#   "strip-ip"    take Elastic IPs away first: what came over the internet ends, the inside goes on being tracked
# Interfaces that an AWS service manages are left alone and named in `skipped`. Load balancers and Auto Scaling groups are not told: the
# latter may take the instance for unhealthy and terminate it, so `detail` names the group.
action ec2.isolate(
  i: Instance,
  cut: string = "untrack",
  settle: duration = 3s
): { changed: bool, detail: string, before: list[Interface], skipped: list[string] } contain on i {
  if not (cut in ["untrack", "tracked-ok", "strip-ip"]) {
    fail "cut is `${cut}`; it must be untrack, tracked-ok or strip-ip" code "InvalidCut"
  }
  let live = ec2.interfaces(i.id)
  let ours = [n for n in live if not n.aws_managed]
  let skipped = [n.id for n in live if n.aws_managed]
  if ours.size() == 0 {
    fail "${i.id} has no network interface that can be isolated" code "NoInterface"
  }
  let vpcs = [n.vpc for n in ours].unique()
  let quarantines = [
    g
    for g in aws.ec2.DescribeSecurityGroups(
      Filters: [{ Name: "vpc-id", Values: vpcs }, { Name: "group-name", Values: ["ir-isolate-v1"] }]
    ).SecurityGroups
    if g.GroupId exists
  ]
  let sealed = [g.GroupId for g in quarantines if g.IpPermissions.size() == 0 and g.IpPermissionsEgress.size() == 0]
  let open = [n for n in ours if not (n.groups.size() == 1 and all(g in n.groups: g in sealed))]
  if open.size() == 0 {
    return { changed: false, detail: "${i.id} was isolated already", before: live, skipped: skipped }
  }
  for n in open {
    do ec2.quarantine_group(n.vpc) as quarantine
    if cut == "strip-ip" and n.association exists {
      do ec2.release_address(n.id, n.association)
    }
    if not (n.groups.size() == 1 and all(g in n.groups: g == quarantine.id)) {
      if cut == "untrack" {
        do ec2.untrack_group(n.vpc) as untrack
        do ec2.move_interface(n.id, untrack.id)
        do pause(settle)
      }
      do ec2.move_interface(n.id, quarantine.id)
    }
  }
  let scaled = [
    "; Auto Scaling group ${g} may replace and terminate it"
    for g in [i.tags["aws:autoscaling:groupName"] ?? ""]
    if g != ""
  ]
  return {
    changed: true
    detail: "${open.size()} network interface(s) of ${i.id} isolated${scaled.join("")}"
    before: live
    skipped: skipped
  }
} undo {
  let now_there = ec2.interfaces(i.id)
  let holding = [
    g.GroupId
    for g in aws.ec2.DescribeSecurityGroups(
      Filters: [{ Name: "vpc-id", Values: vpcs }, { Name: "group-name", Values: ["ir-isolate-v1", "ir-untrack-v1"] }]
    ).SecurityGroups
    if g.GroupId exists
  ]
  let back = [n.id for n in open if any(m in now_there: m.id == n.id and m.groups.sort() == n.groups.sort())]
  let rest = [n for n in open if not (n.id in back)]
  if rest.size() == 0 {
    return { changed: false, detail: "every network interface of ${i.id} was in its groups again already" }
  }
  let held = [m.id for m in now_there if m.groups.size() == 1 and all(g in m.groups: g in holding)]
  let gone = ["${n.id} is gone" for n in rest if not any(m in now_there: m.id == n.id)]
  let strange = [
    "${m.id} is in ${m.groups.join(", ")}"
    for m in now_there
    if any(n in rest: n.id == m.id) and not (m.id in held)
  ]
  if gone.size() + strange.size() > 0 {
    fail "this run had left the network interfaces of ${i.id} in the quarantine group; now ${(gone + strange).join(", ")}"
      code "conflict"
  }
  for n in rest {
    do ec2.set_groups(n.id, n.groups)
  }
  let addresses = [
    "; the Elastic IP of ${n.id} (${n.association}) has to be associated again by hand"
    for n in open
    if cut == "strip-ip" and n.association exists
  ]
  return {
    changed: true
    detail: "${rest.size()} network interface(s) of ${i.id} back in their groups${addresses.join("")}"
  }
}

# Sets tags on an instance, only those that it does not have yet.
action ec2.tag(i: Instance, tags: map[string]): { changed: bool, detail: string } contain on i {
  let filters = [{ Name: "resource-id", Values: [i.id] }]
  let have = tag_map(aws.ec2.DescribeTags(Filters: filters).Tags)
  let missing = [k for k in tags.keys() if not (have[k] == tags[k])]
  if missing.size() == 0 {
    return { changed: false, detail: "${i.id} had the tags already" }
  }
  do aws.ec2.CreateTags(Resources: [i.id], Tags: [{ Key: k, Value: tags[k] } for k in missing])
  verify all(k in missing: tag_map(aws.ec2.DescribeTags(Filters: filters).Tags)[k] == tags[k])
    within 30s else "${i.id} does not have the tags ${missing.join(", ")} after they were set"
  return { changed: true, detail: "${i.id} tagged ${missing.join(", ")}" }
} undo {
  let live = tag_map(aws.ec2.DescribeTags(Filters: filters).Tags)
  let rest = [k for k in missing if not core.same(live[k], have[k])]
  if rest.size() == 0 {
    return { changed: false, detail: "the tags of ${i.id} were as before already" }
  }
  let strange = ["${k}=${live[k] ?? "(gone)"}" for k in rest if live[k] != tags[k]]
  if strange.size() > 0 {
    fail "this run had set tags of ${i.id} that somebody has changed since: now ${strange.join(", ")}" code "conflict"
  }
  let old = [{ Key: k, Value: have[k] } for k in rest if have[k] exists]
  # With their values: a tag that is given another value in this moment stays.
  let added = [{ Key: k, Value: tags[k] } for k in rest if not (have[k] exists)]
  if old.size() > 0 {
    do aws.ec2.CreateTags(Resources: [i.id], Tags: old)
  }
  if added.size() > 0 {
    do aws.ec2.DeleteTags(Resources: [i.id], Tags: added)
  }
  verify all(k in rest: core.same(tag_map(aws.ec2.DescribeTags(Filters: filters).Tags)[k], have[k]))
    within 30s else "${i.id} does not have the tags as before: ${rest.join(", ")}"
  return { changed: true, detail: "tags of ${i.id} as before: ${rest.join(", ")}" }
}

# The state of an instance, read fresh.
action ec2.state(id: string): string read {
  return aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first().State.Name ?? "unknown"
}

# Stops an instance: what it runs ends, its memory is lost, its disks stay. Start it again with `pbrun undo`: then it has another public
# address, unless that is an Elastic IP. An Auto Scaling group replaces an instance that stops, and terminates it.
action ec2.stop(i: Instance): { changed: bool, detail: string } contain on i {
  let before = ec2.state(i.id)
  if before in ["stopped", "stopping"] {
    return { changed: false, detail: "${i.id} was ${before} already" }
  }
  if before != "running" {
    fail "${i.id} is ${before}: only an instance that runs can be stopped" code "IncorrectInstanceState"
  }
  do aws.ec2.StopInstances(InstanceIds: [i.id])
  wait until aws.ec2.InstanceStopped(InstanceIds: [i.id]) for 5m
  return { changed: true, detail: "${i.id} stopped" }
} undo {
  let live = ec2.state(i.id)
  if live in ["running", "pending"] {
    return { changed: false, detail: "${i.id} was ${live} again already" }
  }
  if not (live in ["stopped", "stopping"]) {
    fail "this run had left ${i.id} stopped; it is ${live} now" code "conflict"
  }
  wait until aws.ec2.InstanceStopped(InstanceIds: [i.id]) for 5m
  do aws.ec2.StartInstances(InstanceIds: [i.id])
  wait until aws.ec2.InstanceRunning(InstanceIds: [i.id]) for 5m
  return { changed: true, detail: "${i.id} started again; what was in its memory is lost" }
}

# Terminates an instance for good. Its volumes go with it where they are set to: take snapshots before (ebs.snapshot_volumes). An
# instance that is protected against termination is not touched: whoever protected it should know. One that is terminated
# already, or gone, is left as it is.
action ec2.terminate(i: Instance): { changed: bool, detail: string } destroy on i {
  do aws.ec2.DescribeInstances(InstanceIds: [i.id]) as found else {
    if error.code == "InvalidInstanceID.NotFound" {
      return { changed: false, detail: "${i.id} is gone already" }
    }
    fail error
  }
  let state = found.Reservations.first().Instances.first().State.Name ?? "gone"
  if state in ["shutting-down", "terminated", "gone"] {
    return { changed: false, detail: "${i.id} is ${state} already" }
  }
  let attribute = aws.ec2.DescribeInstanceAttribute(InstanceId: i.id, Attribute: "disableApiTermination")
  if attribute.DisableApiTermination.Value == true {
    fail "${i.id} is protected against termination: take the protection off in EC2 when it shall go, then run this again"
      code "TerminationProtected"
  }
  do aws.ec2.TerminateInstances(InstanceIds: [i.id])
  verify all(
    r in aws.ec2.DescribeInstances(InstanceIds: [i.id]).Reservations:
    all(x in r.Instances: x.State.Name in ["shutting-down", "terminated"])
  ) within 60s else "${i.id} is still not shutting down after it was terminated"
  return { changed: true, detail: "${i.id} is being terminated" }
} undo none "a terminated instance cannot be brought back"
