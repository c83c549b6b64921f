action team.a() contain {
  do aws.s3.PutBucketTagging(Bucket: "logs", Tagging: { TagSet: [{ Key: "a" }] })   # expect: PB0307 needs `Value`
} undo none "a test"
