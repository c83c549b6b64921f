fn a(s: string, b: cidr): bool = s in b   # expect: PB0305 make an address of it
