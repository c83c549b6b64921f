fn a(n: int): int = n(1)   # expect: PB0202 is a value and cannot be called
