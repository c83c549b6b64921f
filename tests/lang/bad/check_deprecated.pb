action team.a() read {
  do aws.s3.GetBucketLifecycle(Bucket: "logs")   # expect: PB0612 as deprecated
}
