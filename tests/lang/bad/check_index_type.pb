fn a(s: string): string? = s[0]   # expect: PB0301 string cannot be indexed
