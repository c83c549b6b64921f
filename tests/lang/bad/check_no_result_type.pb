fn short(s: string) = s.slice(0, 8)   # expect: PB0225 does not say what it gives
