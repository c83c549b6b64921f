fn a(): int = 9223372036854775807 + 1   # expect: PB0314 larger than a 64-bit integer
