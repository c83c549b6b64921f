# sim.pb - things in the simulated account, made with what an attacker or a tired colleague would have made them with.

type SimInstance {
  id:              string
  arn:             string
  subnet:          string
  vpc:             string
  security_groups: list[aws.ec2.GroupIdentifier]
  volumes:         list[string]
}

# A running instance in the default network, with one volume.
action sim.instance(tags: map[string] = {}): SimInstance contain {
  do aws.ec2.RunInstances(ImageId: "ami-00000000000000001", InstanceType: "t3.micro", MinCount: 1, MaxCount: 1) as made
  let id = made.Instances.first().InstanceId ?? ""
  if tags.size() > 0 {
    do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: k, Value: tags[k] ?? "" } for k in tags.keys()])
  }
  let i = aws.ec2.DescribeInstances(InstanceIds: [id]).Reservations.first().Instances.first()
  return {
    id: id
    arn: "arn:aws:ec2:${run.region ?? "us-east-1"}:${run.account ?? ""}:instance/${id}"
    subnet: i.SubnetId ?? ""
    vpc: i.VpcId ?? ""
    security_groups: [g for g in i.SecurityGroups]
    volumes: [m.Ebs.VolumeId for m in i.BlockDeviceMappings if m.Ebs.VolumeId exists]
  }
}

type SimUser {
  name: string
  arn:  string
  key:  string  # its access key's id
}

# An IAM user with an active access key.
action sim.user(name: string = "mallory", tags: map[string] = {}): SimUser contain {
  do aws.iam.CreateUser(UserName: name, Tags: [{ Key: k, Value: tags[k] ?? "" } for k in tags.keys()]) as made
  do aws.iam.CreateAccessKey(UserName: name) as keys
  return { name: name, arn: made.User.Arn ?? "", key: keys.AccessKey.AccessKeyId }
}

type SimBucket { name: string  arn: string }

# A bucket; one that is public lets everybody read it.
action sim.bucket(name: string = "simulated-bucket", tags: map[string] = {}, public: bool = false): SimBucket contain {
  do aws.s3.CreateBucket(Bucket: name)
  if tags.size() > 0 {
    let list = [{ Key: k, Value: tags[k] ?? "" } for k in tags.keys()]
    do aws.s3.PutBucketTagging(Bucket: name, Tagging: { TagSet: list })
  }
  if public {
    do aws.s3.DeletePublicAccessBlock(Bucket: name)
    do aws.s3.PutBucketPolicy(
      Bucket: name,
      Policy: json_text({
        Version: "2012-10-17"
        Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::${name}/*" }]
      })
    )
  }
  return { name: name, arn: "arn:aws:s3:::${name}" }
}

# A bare security group in the default network.
action sim.security_group(name: string = "simulated-group"): string contain {
  do aws.ec2.CreateSecurityGroup(GroupName: name, Description: "made by a test") as made
  return made.GroupId ?? ""
}
