fn a(s: string): string = s * 2   # expect: PB0305 `*` does not take string and int
