fn a(xs: list[string]): int = xs.size   # expect: PB0207 `size` is a method
