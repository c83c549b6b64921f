fn a(i: ip): bool = i in cidr("10.0.0.0/33")   # expect: PB0313 is not a block of addresses
