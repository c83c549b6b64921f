fn a(n: int): int = n / 0   # expect: PB0315 divides by zero
