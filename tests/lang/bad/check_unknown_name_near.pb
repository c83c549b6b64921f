playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let bucket = f.resource.s3BucketDetails.first().name
  where bukket exists   # expect: PB0201 did you mean `bucket`?
  record { affected_resource: bukket }
}
