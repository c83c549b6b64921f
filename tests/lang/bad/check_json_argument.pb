fn a(j: json): string = b(j)   # expect: PB0319 `s` takes string, not untyped json
fn b(s: string): string = s
