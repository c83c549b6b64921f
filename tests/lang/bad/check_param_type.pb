param limits: map[int]   # expect: PB0321 cannot be map[int]
