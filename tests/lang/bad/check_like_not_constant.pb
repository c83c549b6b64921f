fn a(s: string, prefix: string): bool = s like "${prefix}*"   # expect: PB0311 must be a constant string
