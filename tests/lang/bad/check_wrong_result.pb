fn a(s: string): int = s.lower()   # expect: PB0301 `a` takes int, not string
