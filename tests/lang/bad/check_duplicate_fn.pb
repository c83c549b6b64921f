fn short(s: string): string = s.slice(0, 8)
fn short(s: string): string = s.slice(0, 4)   # expect: PB0209 `short` is declared twice
