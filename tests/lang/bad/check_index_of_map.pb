fn a(m: map[int]): int? = m[0]   # expect: PB0301 the key of a map takes string, not int
