playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do aws.s3.GetBucketTagging()   # expect: PB0215 needs `Bucket`
  record { affected_resource: f.arn }
}
