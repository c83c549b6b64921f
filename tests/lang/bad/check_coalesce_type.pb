fn a(s: string?): string = s ?? 5   # expect: PB0301 must be string like the left side
