# A bucket became public: block public access at once, unless its owners say with a tag that it is public on purpose.
#
# The tag is read from the bucket itself, not from the finding: what counts is what is true now. Anyone who may tag the bucket
# may keep it public, so restrict s3:PutBucketTagging on sensitive buckets.

param alerts_channel: string = "#security-alerts"

playbook block_public_bucket {
  version  "1.0.0"
  summary  "Block public access to a bucket that was opened to the world"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC6.1", "SOC2-CC6.6", "SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type in ["Policy:S3/BucketAnonymousAccessGranted", "Policy:S3/BucketPublicAccessGranted"]

  let bucket = f.resource.s3BucketDetails.first().name
  where bucket exists

  let marks = s3.bucket_tags(bucket)
  where not (marks["PublicAccess"] == "Intended")

  do s3.block_public_access(bucket) as blocked

  if blocked.changed {
    do slack.notify(alerts_channel, "${run.incident_id}: public access to bucket ${bucket} blocked (${f.type})")
  }

  record {
    affected_resource: "arn:${f.partition ?? "aws"}:s3:::${bucket}"
    before: blocked.before
  }
}
