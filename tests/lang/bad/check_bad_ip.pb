fn a(): ip = ip("10.0.0.256")   # expect: PB0313 is not an IP address
