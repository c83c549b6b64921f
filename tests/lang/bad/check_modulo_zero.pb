fn a(n: int): int = n % (2 - 2)   # expect: PB0315 divides by zero
