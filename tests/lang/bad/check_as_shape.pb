fn a(j: json): bool = (j as aws.ec2.Instance) exists   # expect: PB0320 json cannot be read as aws.ec2.Instance
