param regions: list[string] = ["eu-west-1"]   # expect: PB0512 must be a plain constant
