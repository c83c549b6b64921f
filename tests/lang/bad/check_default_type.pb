fn a(s: string = 5): string = s   # expect: PB0301 `s` takes string, not int
