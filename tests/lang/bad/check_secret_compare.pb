fn a(s: secret, t: string): bool = s == t   # expect: PB0316 cannot be compared
