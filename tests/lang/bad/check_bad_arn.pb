fn a(): arn = arn("aws:s3:::logs")   # expect: PB0313 is not an ARN
