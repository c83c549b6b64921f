fn a(s: string): list[string] = s.split()   # expect: PB0215 `split` takes 1 argument
