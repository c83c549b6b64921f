fn a(n: int): string = "${(n as int) ?? 0}"   # expect: PB0320 leave `as` out
