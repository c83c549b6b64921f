action team.look(id: string) read on id {   # expect: PB0331 changes nothing
  let _tags = aws.ec2.DescribeTags().Tags
} undo {
  do aws.ec2.DeleteTags(Resources: [id])
}
