import "playbooks/block_public_bucket.pb"
import "playbooks/guards.pb"

test "public access is blocked and people are told" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(public: true)
  }
  expect outcome done
  expect do s3.block_public_access
  expect do slack.notify("#security-alerts")
  expect aws.s3.GetPublicAccessBlock(Bucket: bucket.name).PublicAccessBlockConfiguration.BlockPublicPolicy == true
  expect (evidence.affected_resource as string) == bucket.arn
  expect (evidence.remediation_status as string) == "remediated"
}

test "the other type of finding" for block_public_bucket {
  given event "block_public_bucket.event.json" with {
    detail.type: "Policy:S3/BucketPublicAccessGranted"
    detail.resource.s3BucketDetails.name: bucket.name
  }
  given {
    let bucket = sim.bucket(public: true)
  }
  expect outcome done
  given event "block_public_bucket.event.json" with {
    detail.type: "Policy:S3/BucketAnonymousAccessGranted"
    detail.resource.s3BucketDetails.name: other.name
  }
  given {
    let other = sim.bucket(name: "another-bucket", public: true)
  }
  expect outcome done
}

test "a bucket that was blocked already: nothing changes, nobody is told" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(public: true)
  }
  expect outcome done
  expect no do aws.s3.PutPublicAccessBlock
  expect no do slack.notify
  expect (evidence.remediation_status as string) == "already_remediated"
}

test "a bucket that is public on purpose" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(tags: { PublicAccess: "Intended" }, public: true)
  }
  expect outcome skipped
  expect no do s3.block_public_access
}

test "another tag, or another value, is no such mark" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(tags: { PublicAccess: "Forbidden" }, public: true)
  }
  expect outcome done
}

test "another finding, and one that names no bucket" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.type: "Policy:S3/BucketBlockPublicAccessDisabled" }
  expect outcome skipped
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails: [] }
  expect outcome skipped
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: none }
  expect outcome skipped
  expect no do s3.block_public_access
}

test "a bucket that is gone" for block_public_bucket {
  given event "block_public_bucket.event.json"
  expect outcome failed
  expect no do slack.notify
}

test "AWS refuses" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(public: true)
  }
  given fault aws.s3.PutPublicAccessBlock "AccessDenied" times 9
  expect outcome failed
  expect no do slack.notify
}

test "a run that is killed at any moment ends alike" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(public: true)
  }
  given crash at each step
  expect outcome done
  expect do slack.notify
  expect aws.s3.GetPublicAccessBlock(Bucket: bucket.name).PublicAccessBlockConfiguration.BlockPublicPolicy == true
}

test "making evidence less public is welcome" for block_public_bucket {
  given event "block_public_bucket.event.json" with { detail.resource.s3BucketDetails.name: bucket.name }
  given {
    let bucket = sim.bucket(public: true)
    do aws.s3.PutBucketTagging(Bucket: bucket.name, Tagging: { TagSet: [{ Key: "Evidence", Value: "True" }] })
  }
  expect outcome done
  expect do s3.block_public_access
}
