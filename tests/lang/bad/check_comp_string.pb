fn a(s: string): list[string] = [x for x in s]   # expect: PB0317 a comprehension goes over a list
