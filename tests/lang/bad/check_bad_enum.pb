action team.a() contain {
  do aws.ec2.CreateVolume(AvailabilityZone: "eu-west-1a", VolumeType: "gp22")   # expect: PB0308 did you mean `gp2`?
} undo none "a test"
