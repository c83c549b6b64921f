fn a(n: int): bool = n like "5*"   # expect: PB0305 `like` does not take int and string
