fn a(s: string): int = -s   # expect: PB0305 `-` takes a number or a duration
