# s3.pb - containment of S3 buckets.
#
# Every call names the account that should own the bucket (x-amz-expected-bucket-owner) when the event says it, so that a
# bucket which changed hands meanwhile is not touched.

# The four settings of a bucket's public access block; all false when it has none.
type PublicAccessBlock {
  there:    bool  # it has one
  acls:     bool
  ignore:   bool
  policy:   bool
  restrict: bool
  all:      bool  # all four are on: nothing in the bucket is public
}

fn s3.bucket_name_ok(bucket: string): bool = bucket matches "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"

# The tags of a bucket; an untagged one has none.
action s3.bucket_tags(bucket: string): map[string] read {
  if not s3.bucket_name_ok(bucket) {
    fail "`${bucket}` cannot be the name of a bucket" code "InvalidBucketName"
  }
  do aws.s3.GetBucketTagging(Bucket: bucket, ExpectedBucketOwner: run.account) as tagging else {
    if error.code != "NoSuchTagSet" {
      fail error
    }
  }
  return tag_map(tagging.TagSet)
}

# What a bucket's own public access block says. The account's and the organisation's may block more.
action s3.public_access_block(bucket: string): PublicAccessBlock read {
  if not s3.bucket_name_ok(bucket) {
    fail "`${bucket}` cannot be the name of a bucket" code "InvalidBucketName"
  }
  do aws.s3.GetPublicAccessBlock(Bucket: bucket, ExpectedBucketOwner: run.account) as answer else {
    if error.code != "NoSuchPublicAccessBlockConfiguration" {
      fail error
    }
  }
  let c = answer.PublicAccessBlockConfiguration
  return {
    there: c exists
    acls: c.BlockPublicAcls == true
    ignore: c.IgnorePublicAcls == true
    policy: c.BlockPublicPolicy == true
    restrict: c.RestrictPublicBuckets == true
    all: c.BlockPublicAcls == true
      and c.IgnorePublicAcls == true
      and c.BlockPublicPolicy == true
      and c.RestrictPublicBuckets == true
  }
}

# A public access block for people.
fn s3.block_text(b: PublicAccessBlock): string =
  ["none" for there in [b.there] if not there].first()
    ?? "BlockPublicAcls ${b.acls}, IgnorePublicAcls ${b.ignore}, BlockPublicPolicy ${b.policy}, RestrictPublicBuckets ${b.restrict}"

# Turns all public access to a bucket off. ACLs and policy stay as they are: this masks them, and taking it away shows them again.
# Static web sites and public assets in the bucket stop working: look at the tags first (s3.bucket_tags).
action s3.block_public_access(
  bucket: string
): { changed: bool, detail: string, before: PublicAccessBlock } contain on bucket {
  let before = s3.public_access_block(bucket)
  if before.all {
    return { changed: false, detail: "public access to ${bucket} was blocked already", before: before }
  }
  do aws.s3.PutPublicAccessBlock(
    Bucket: bucket,
    ExpectedBucketOwner: run.account,
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true
      IgnorePublicAcls: true
      BlockPublicPolicy: true
      RestrictPublicBuckets: true
    }
  ) else {
    # Two changes of the bucket met: look what the other one was, then once more.
    if not error.conflict {
      fail error
    }
    if not s3.public_access_block(bucket).all {
      do aws.s3.PutPublicAccessBlock(
        Bucket: bucket,
        ExpectedBucketOwner: run.account,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true
          IgnorePublicAcls: true
          BlockPublicPolicy: true
          RestrictPublicBuckets: true
        }
      )
    }
  }
  verify s3.public_access_block(bucket).all
    within 60s else "public access to ${bucket} is still not blocked after it was set"
  return { changed: true, detail: "public access to ${bucket} blocked", before: before }
} undo {
  let live = s3.public_access_block(bucket)
  if live == before {
    return { changed: false, detail: "the public access block of ${bucket} was as before already" }
  }
  if not live.all {
    fail "this run had left all public access to ${bucket} blocked; somebody has changed that since: ${s3.block_text(live)}"
      code "conflict"
  }
  if before.there {
    do aws.s3.PutPublicAccessBlock(
      Bucket: bucket,
      ExpectedBucketOwner: run.account,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: before.acls
        IgnorePublicAcls: before.ignore
        BlockPublicPolicy: before.policy
        RestrictPublicBuckets: before.restrict
      }
    )
  } else {
    do aws.s3.DeletePublicAccessBlock(Bucket: bucket, ExpectedBucketOwner: run.account)
  }
  verify s3.public_access_block(bucket) == before
    within 60s else "the public access block of ${bucket} is not as before after it was put back"
  return { changed: true, detail: "the public access block of ${bucket} is as before: ${s3.block_text(before)}" }
}
