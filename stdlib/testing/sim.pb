# sim.pb - things in the simulated account, made with what an attacker or a tired colleague would have made them with.

type SimInstance {
  id:              string
  arn:             string
  subnet:          string
  vpc:             string
  profile:         string?
  security_groups: list[aws.ec2.GroupIdentifier]
  volumes:         list[string]
}

# A running instance in the default network, with one volume.
action sim.instance(tags: map[string] = {}, profile: string? = none): SimInstance contain {
  let region = run.region ?? "us-east-1"
  do aws.ec2.RunInstances(ImageId: "ami-00000000000000001", InstanceType: "t3.micro", MinCount: 1, MaxCount: 1) as made
  let id = made.Instances.first().InstanceId ?? ""
  if tags.size() > 0 {
    do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: k, Value: tags[k] ?? "" } for k in tags.keys()])
  }
  let i = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first()
  return {
    id: id
    arn: "arn:aws:ec2:${region}:${run.account ?? ""}:instance/${id}"
    subnet: i.SubnetId ?? ""
    vpc: i.VpcId ?? ""
    profile: profile
    security_groups: [g for g in i.SecurityGroups]
    volumes: [m.Ebs.VolumeId for m in i.BlockDeviceMappings if m.Ebs.VolumeId exists]
  }
}
