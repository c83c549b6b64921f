fn a(s: string): string = s.lower("x")   # expect: PB0217 `lower` takes 0 arguments
