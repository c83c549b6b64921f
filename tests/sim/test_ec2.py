"""EC2 of the simulated account, with boto3 for a client."""
# runs: sanitized
from account import ACCOUNT, Account, refused
from pbtest import case, eq, main

account = Account()
ec2 = account.client("ec2")
AMI = "ami-0abcdef1234567890"


def tags(pairs):
    return [{"Key": k, "Value": v} for k, v in pairs.items()]


def spec(kind, **pairs):
    return {"ResourceType": kind, "Tags": tags(pairs)}


def filters(**named):
    return [{"Name": k.replace("_", "-"), "Values": v} for k, v in named.items()]


def default_vpc():
    return ec2.describe_vpcs(Filters=filters(is_default=["true"]))["Vpcs"][0]["VpcId"]


def launch(**more):
    return ec2.run_instances(ImageId=AMI, MinCount=1, MaxCount=1, **more)["Instances"][0]


def instance(i):
    return ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]


@case("a region starts with a default VPC, its subnets, group and ACL")
def _():
    vpc = default_vpc()
    subnets = ec2.describe_subnets(Filters=filters(vpc_id=[vpc]))["Subnets"]
    eq([s["AvailabilityZone"] for s in subnets], ["us-east-1a", "us-east-1b", "us-east-1c"])
    group = ec2.describe_security_groups(Filters=filters(vpc_id=[vpc], group_name=["default"]))["SecurityGroups"][0]
    eq(group["IpPermissionsEgress"][0]["IpRanges"], [{"CidrIp": "0.0.0.0/0"}])
    eq(len(ec2.describe_network_acls(Filters=filters(default=["true"]))["NetworkAcls"][0]["Associations"]), 3)
    eq(len(ec2.describe_availability_zones()["AvailabilityZones"]), 3)
    eq("eu-west-1" in [r["RegionName"] for r in ec2.describe_regions()["Regions"]], True)


@case("regions do not see each other's resources")
def _():
    i = launch()["InstanceId"]
    with refused("InvalidInstanceID.NotFound", 400, i):
        account.client("ec2", region="eu-west-1").describe_instances(InstanceIds=[i])


@case("an instance is run with volumes, an interface and tags")
def _():
    made = launch(InstanceType="t3.micro", BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 33, "Encrypted": True, "DeleteOnTermination": False}}],
                  TagSpecifications=[spec("instance", Name="a"), spec("volume", Disk="b")])
    eq(made["State"]["Name"], "pending")
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]])
    i = instance(made["InstanceId"])
    eq(i["State"], {"Code": 16, "Name": "running"})
    eq(i["Tags"], tags({"Name": "a"}))
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [i["InstanceId"]]}])["Volumes"]
    eq(sorted((v["Size"], v["Encrypted"], v["Attachments"][0]["DeleteOnTermination"]) for v in volumes), [(8, False, True), (33, True, False)])
    eq([v["Tags"] for v in volumes], [tags({"Disk": "b"})] * 2)
    nics = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [i["InstanceId"]]}])["NetworkInterfaces"]
    eq([n["NetworkInterfaceId"] for n in nics], [n["NetworkInterfaceId"] for n in i["NetworkInterfaces"]])
    eq(nics[0]["Attachment"]["DeviceIndex"], 0)
    eq(i["PrivateIpAddress"], nics[0]["PrivateIpAddress"])
    eq(i["PublicIpAddress"], nics[0]["Association"]["PublicIp"])
    eq(i["LaunchTime"].microsecond, 0)


@case("the same client token gives the same instances")
def _():
    one = ec2.run_instances(ImageId=AMI, MinCount=2, MaxCount=2, ClientToken="token-1")
    two = ec2.run_instances(ImageId=AMI, MinCount=2, MaxCount=2, ClientToken="token-1")
    eq(len(one["Instances"]), 2)
    eq([i["InstanceId"] for i in two["Instances"]], [i["InstanceId"] for i in one["Instances"]])
    eq(two["ReservationId"], one["ReservationId"])


@case("stop, start, terminate, and what they refuse")
def _():
    i = launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 5, "DeleteOnTermination": False}}])["InstanceId"]
    change = ec2.stop_instances(InstanceIds=[i])["StoppingInstances"][0]
    eq((change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("running", "stopping"))
    eq("PublicIpAddress" in instance(i), False)
    change = ec2.stop_instances(InstanceIds=[i])["StoppingInstances"][0]
    eq((change["PreviousState"]["Name"], change["CurrentState"]["Name"]), ("stopped", "stopped"))
    ec2.start_instances(InstanceIds=[i])
    eq("PublicIpAddress" in instance(i), True)
    ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": True})
    eq(ec2.describe_instance_attribute(InstanceId=i, Attribute="disableApiTermination")["DisableApiTermination"], {"Value": True})
    with refused("OperationNotPermitted", 400, "disableApiTermination"):
        ec2.terminate_instances(InstanceIds=[i])
    ec2.modify_instance_attribute(InstanceId=i, DisableApiTermination={"Value": False})
    volumes = [v["VolumeId"] for v in ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [i]}])["Volumes"]]
    eq(ec2.terminate_instances(InstanceIds=[i])["TerminatingInstances"][0]["CurrentState"]["Name"], "shutting-down")
    eq(instance(i)["State"]["Name"], "terminated")
    eq(ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [i]}])["NetworkInterfaces"], [])
    left = ec2.describe_volumes(Filters=filters(volume_id=volumes))["Volumes"]
    eq([(v["Size"], v["State"]) for v in left], [(5, "available")])
    with refused("IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[i])


@case("instances are found by filters, and a filter that does not exist is refused")
def _():
    i = launch(TagSpecifications=[spec("instance", Role="needle in haystack")])["InstanceId"]

    def found(f):
        return [x["InstanceId"] for r in ec2.describe_instances(Filters=f)["Reservations"] for x in r["Instances"]]
    eq(found([{"Name": "tag:Role", "Values": ["needle*"]}]), [i])
    eq(found([{"Name": "tag:Role", "Values": ["needle"]}]), [])
    eq(found([{"Name": "tag:Role", "Values": ["x", "*hay?tack"]}, {"Name": "instance-state-name", "Values": ["running"]}]), [i])
    eq(found([{"Name": "tag-key", "Values": ["Role"]}, {"Name": "vpc-id", "Values": ["vpc-none"]}]), [])
    eq(i in found([{"Name": "network-interface.vpc-id", "Values": [default_vpc()]}]), True)
    with refused("InvalidParameterValue", 400, "no-such-filter"):
        found([{"Name": "no-such-filter", "Values": ["x"]}])
    for bad, code in (("i-0123456789abcdef0", "InvalidInstanceID.NotFound"), ("i-xyz", "InvalidInstanceID.Malformed"), ("vol-1", "InvalidInstanceID.Malformed")):
        with refused(code, 400):
            ec2.describe_instances(InstanceIds=[bad])


@case("pages: every instance once, and a wrong token is refused")
def _():
    west = account.client("ec2", region="us-west-2")
    made = {west.run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"] for _ in range(12)}
    pages = list(west.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    eq([len(p["Reservations"]) for p in pages], [5, 5, 2])
    eq({i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"]}, made)
    with refused("InvalidNextToken"):
        west.describe_instances(NextToken="nonsense", MaxResults=5)


@case("what RunInstances refuses")
def _():
    with refused("InvalidAMIID.Malformed"):
        ec2.run_instances(ImageId="img-1", MinCount=1, MaxCount=1)
    with refused("InvalidParameterValue"):
        ec2.run_instances(ImageId=AMI, MinCount=3, MaxCount=2)
    with refused("InvalidSubnetID.NotFound"):
        launch(SubnetId="subnet-0123456789abcdef0")
    with refused("InvalidGroup.NotFound"):
        launch(SecurityGroupIds=["sg-0123456789abcdef0"])
    with refused("InvalidParameterCombination"):
        launch(SecurityGroupIds=["sg-0123456789abcdef0"], NetworkInterfaces=[{"DeviceIndex": 0}])
    with refused("InvalidParameterValue", part="taggable"):
        launch(TagSpecifications=[spec("bucket", a="b")])


@case("a refused request leaves nothing behind")
def _():
    before = (len(ec2.describe_volumes()["Volumes"]), len(ec2.describe_network_interfaces()["NetworkInterfaces"]))
    with refused("InvalidParameterValue"):
        launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 999999}}])
    eq((len(ec2.describe_volumes()["Volumes"]), len(ec2.describe_network_interfaces()["NetworkInterfaces"])), before)


@case("a dry run changes nothing and says that it would have worked, or why not")
def _():
    i = launch()["InstanceId"]
    with refused("DryRunOperation", 412):
        ec2.stop_instances(InstanceIds=[i], DryRun=True)
    eq(instance(i)["State"]["Name"], "running")
    with refused("InvalidInstanceID.NotFound"):
        ec2.stop_instances(InstanceIds=["i-0123456789abcdef0"], DryRun=True)


@case("security groups: made, found, refused twice, deleted")
def _():
    vpc = default_vpc()
    g = ec2.create_security_group(GroupName="one", Description="d", VpcId=vpc, TagSpecifications=[spec("security-group", a="b")])["GroupId"]
    with refused("InvalidGroup.Duplicate", 400, "'one'"):
        ec2.create_security_group(GroupName="one", Description="d", VpcId=vpc)
    found = ec2.describe_security_groups(Filters=filters(group_name=["one"], vpc_id=[vpc]))["SecurityGroups"]
    eq([(x["GroupId"], x["Tags"], x["OwnerId"]) for x in found], [(g, tags({"a": "b"}), ACCOUNT)])
    rules = ec2.describe_security_group_rules(Filters=filters(group_id=[g]))["SecurityGroupRules"]
    eq([(r["IsEgress"], r["IpProtocol"], r["FromPort"], r["ToPort"], r["CidrIpv4"]) for r in rules], [(True, "-1", -1, -1, "0.0.0.0/0")])
    eq(ec2.describe_security_groups(GroupNames=["one"])["SecurityGroups"][0]["GroupId"], g)
    with refused("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupNames=["nowhere"])
    ec2.delete_security_group(GroupId=g)
    with refused("InvalidGroup.NotFound", 400, g):
        ec2.describe_security_groups(GroupIds=[g])
    with refused("CannotDelete"):
        default = ec2.describe_security_groups(Filters=filters(group_name=["default"]))["SecurityGroups"][0]["GroupId"]
        ec2.delete_security_group(GroupId=default)
    with refused("InvalidGroupId.Malformed"):
        ec2.delete_security_group(GroupId="sg-!")


@case("rules: allowed, twice, shown both ways, taken back by permission and by id")
def _():
    g = ec2.create_security_group(GroupName="rules", Description="d", VpcId=default_vpc())["GroupId"]
    other = ec2.create_security_group(GroupName="peer", Description="d", VpcId=default_vpc())["GroupId"]
    web = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}, {"CidrIp": "10.0.0.0/8"}],
           "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": other}]}
    made = ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[web])["SecurityGroupRules"]
    eq(len(made), 4)
    with refused("InvalidPermission.Duplicate", 400):
        ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[{"IpProtocol": "6", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
    shown = ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"][0]["IpPermissions"]
    eq(len(shown), 1)
    eq(shown[0]["IpRanges"], [{"CidrIp": "0.0.0.0/0", "Description": "all"}, {"CidrIp": "10.0.0.0/8"}])
    eq(shown[0]["UserIdGroupPairs"], [{"GroupId": other, "UserId": ACCOUNT}])
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=other)
    ec2.revoke_security_group_ingress(GroupId=g, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
    ec2.revoke_security_group_ingress(GroupId=g, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=g, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=g, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
    egress = [r["SecurityGroupRuleId"] for r in ec2.describe_security_group_rules(Filters=filters(group_id=[g]))["SecurityGroupRules"] if r["IsEgress"]]
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=g, SecurityGroupRuleIds=egress)
    ec2.revoke_security_group_egress(GroupId=g, SecurityGroupRuleIds=egress)
    eq(ec2.describe_security_groups(GroupIds=[g])["SecurityGroups"][0]["IpPermissionsEgress"], [])
    ec2.authorize_security_group_ingress(GroupId=g, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.1/32")
    for bad in ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0"}]}, {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "Ipv6Ranges": [{"CidrIpv6": "zz/0"}]},
                {"IpProtocol": "tcp", "FromPort": 9, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
                {"IpProtocol": "what", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}):
        with refused("InvalidParameterValue"):
            ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[bad])
    with refused("MissingParameter"):
        ec2.authorize_security_group_ingress(GroupId=g, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}])


@case("an interface gets other groups, of its own VPC only")
def _():
    i = launch()
    nic = i["NetworkInterfaces"][0]["NetworkInterfaceId"]
    g = ec2.create_security_group(GroupName="quarantine", Description="d", VpcId=i["VpcId"])["GroupId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[g])
    eq([x["GroupId"] for x in instance(i["InstanceId"])["SecurityGroups"]], [g])
    eq([n["NetworkInterfaceId"] for n in ec2.describe_network_interfaces(Filters=filters(group_id=[g]))["NetworkInterfaces"]], [nic])
    with refused("DependencyViolation", 400, g):
        ec2.delete_security_group(GroupId=g)
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    foreign = ec2.create_security_group(GroupName="foreign", Description="d", VpcId=vpc)["GroupId"]
    with refused("InvalidGroup.NotFound", 400, "different networks"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[foreign])
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId="eni-0123456789abcdef0", Groups=[g])
    with refused("InvalidParameterCombination"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[g], Description={"Value": "x"})
    with refused("SecurityGroupsPerInterfaceLimitExceeded"):
        ec2.modify_network_interface_attribute(NetworkInterfaceId=nic, Groups=[g] * 6)


@case("a second interface, and that groups of the instance are then ambiguous")
def _():
    i = launch()
    ec2.modify_instance_attribute(InstanceId=i["InstanceId"], Groups=[i["SecurityGroups"][0]["GroupId"]])
    nic = ec2.create_network_interface(SubnetId=i["SubnetId"], TagSpecifications=[spec("network-interface", a="b")])["NetworkInterface"]
    eq((nic["Status"], nic["TagSet"]), ("available", tags({"a": "b"})))
    with refused("InvalidParameterValue", part="device index"):
        ec2.attach_network_interface(NetworkInterfaceId=nic["NetworkInterfaceId"], InstanceId=i["InstanceId"], DeviceIndex=0)
    attachment = ec2.attach_network_interface(NetworkInterfaceId=nic["NetworkInterfaceId"], InstanceId=i["InstanceId"], DeviceIndex=1)["AttachmentId"]
    eq(len(instance(i["InstanceId"])["NetworkInterfaces"]), 2)
    with refused("InvalidInstanceID"):
        ec2.modify_instance_attribute(InstanceId=i["InstanceId"], Groups=[i["SecurityGroups"][0]["GroupId"]])
    with refused("InvalidParameterValue", part="in use"):
        ec2.delete_network_interface(NetworkInterfaceId=nic["NetworkInterfaceId"])
    ec2.detach_network_interface(AttachmentId=attachment)
    ec2.delete_network_interface(NetworkInterfaceId=nic["NetworkInterfaceId"])
    eq(len(instance(i["InstanceId"])["NetworkInterfaces"]), 1)


@case("snapshots of all volumes at once, with the volumes' tags")
def _():
    i = launch(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9}}], TagSpecifications=[spec("volume", From="volume", Both="v")])["InstanceId"]
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": i}, CopyTagsFromSource="volume", Description="evidence", TagSpecifications=[spec("snapshot", Incident="1", Both="s")])["Snapshots"]
    eq([s["State"] for s in made], ["pending", "pending"])
    ids = [s["SnapshotId"] for s in made]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=ids)
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:Incident", "Values": ["1"]}])["Snapshots"]
    eq([(s["SnapshotId"], s["State"], s["Progress"], s["VolumeSize"]) for s in found], [(ids[0], "completed", "100%", 8), (ids[1], "completed", "100%", 9)])
    eq({t["Key"]: t["Value"] for t in found[0]["Tags"]}, {"From": "volume", "Both": "s", "Incident": "1"})
    eq(len(ec2.create_snapshots(InstanceSpecification={"InstanceId": i, "ExcludeBootVolume": True})["Snapshots"]), 1)
    eq(ec2.describe_snapshots(OwnerIds=["210987654321"])["Snapshots"], [])
    ec2.delete_snapshot(SnapshotId=ids[0])
    with refused("InvalidSnapshot.NotFound", 400, ids[0]):
        ec2.describe_snapshots(SnapshotIds=[ids[0]])
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-0123456789abcdef0"})


@case("volumes and single snapshots")
def _():
    v = ec2.create_volume(AvailabilityZone="us-east-1a", Size=3, TagSpecifications=[spec("volume", a="b")])
    eq(v["State"], "creating")
    ec2.get_waiter("volume_available").wait(VolumeIds=[v["VolumeId"]])
    s = ec2.create_snapshot(VolumeId=v["VolumeId"], Description="one")
    eq(ec2.describe_snapshots(Filters=[{"Name": "volume-id", "Values": [v["VolumeId"]]}])["Snapshots"][0]["SnapshotId"], s["SnapshotId"])
    eq(ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=s["SnapshotId"])["Size"], 3)
    ec2.delete_volume(VolumeId=v["VolumeId"])
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=[v["VolumeId"]])
    used = launch()["InstanceId"]
    with refused("VolumeInUse", 400, used):
        ec2.delete_volume(VolumeId=instance(used)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"])


@case("tags are added, changed, found and taken away")
def _():
    i = launch()["InstanceId"]
    v = instance(i)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    ec2.create_tags(Resources=[i, v], Tags=tags({"SecurityStatus": "Isolated", "x": "1"}))
    ec2.create_tags(Resources=[i], Tags=tags({"x": "2"}))
    found = ec2.describe_tags(Filters=filters(resource_id=[i]))["Tags"]
    eq({t["Key"]: (t["Value"], t["ResourceType"]) for t in found}, {"SecurityStatus": ("Isolated", "instance"), "x": ("2", "instance")})
    eq([t["ResourceId"] for t in ec2.describe_tags(Filters=[{"Name": "tag:x", "Values": ["1"]}])["Tags"]], [v])
    ec2.delete_tags(Resources=[i], Tags=[{"Key": "x", "Value": "not this"}])
    eq(len(instance(i)["Tags"]), 2)
    ec2.delete_tags(Resources=[i], Tags=[{"Key": "x"}])
    eq(instance(i)["Tags"], tags({"SecurityStatus": "Isolated"}))
    with refused("InvalidParameterValue", part="aws:"):
        ec2.create_tags(Resources=[i], Tags=tags({"aws:x": "1"}))
    with refused("TagLimitExceeded"):
        ec2.create_tags(Resources=[i], Tags=tags({"k%d" % n: "" for n in range(50)}))
    with refused("InvalidID"):
        ec2.create_tags(Resources=["what"], Tags=tags({"a": "b"}))
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_tags(Resources=["i-0123456789abcdef0"], Tags=tags({"a": "b"}))


@case("VPCs and subnets, their ranges and what depends on them")
def _():
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=[spec("vpc", Name="v")])["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]
    eq(subnet["AvailableIpAddressCount"], 251)
    i = launch(SubnetId=subnet["SubnetId"])
    eq((i["VpcId"], i["PrivateIpAddress"], "PublicIpAddress" in i), (vpc, "10.9.1.4", False))
    for cidr, code in (("10.8.0.0/24", "InvalidSubnet.Range"), ("10.9.1.128/25", "InvalidSubnet.Conflict"), ("10.9.0.0/29", "InvalidSubnet.Range"), ("ten", "InvalidParameterValue")):
        with refused(code):
            ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)
    with refused("InvalidVpc.Range"):
        ec2.create_vpc(CidrBlock="10.0.0.0/8")
    with refused("InvalidVpcID.NotFound"):
        ec2.create_subnet(VpcId="vpc-0123456789abcdef0", CidrBlock="10.0.0.0/24")
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.terminate_instances(InstanceIds=[i["InstanceId"]])
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    eq(ec2.describe_vpcs(Filters=filters(vpc_id=[vpc]))["Vpcs"], [])


@case("Elastic IPs: associated, shown on the instance, taken off")
def _():
    i = launch()["InstanceId"]
    a = ec2.allocate_address(Domain="vpc")
    association = ec2.associate_address(AllocationId=a["AllocationId"], InstanceId=i)["AssociationId"]
    eq(instance(i)["PublicIpAddress"], a["PublicIp"])
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_address(AllocationId=a["AllocationId"], InstanceId=i)
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=a["AllocationId"])
    eq(ec2.describe_addresses(Filters=filters(instance_id=[i]))["Addresses"][0]["AssociationId"], association)
    ec2.disassociate_address(AssociationId=association)
    eq("PublicIpAddress" in instance(i), False)
    with refused("InvalidAssociationID.NotFound"):
        ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=a["AllocationId"])
    eq(ec2.describe_addresses()["Addresses"], [])


@case("network ACL entries")
def _():
    acl = ec2.create_network_acl(VpcId=default_vpc())["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 7, "Egress": True}
    ec2.create_network_acl_entry(Protocol="-1", RuleAction="deny", CidrBlock="0.0.0.0/0", **entry)
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.create_network_acl_entry(Protocol="-1", RuleAction="deny", CidrBlock="0.0.0.0/0", **entry)
    eq(len(ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]), 3)
    ec2.delete_network_acl_entry(**entry)
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2.delete_network_acl_entry(**entry)
    ec2.delete_network_acl(NetworkAclId=acl)


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
