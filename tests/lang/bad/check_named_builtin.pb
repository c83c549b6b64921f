fn a(s: string): string = s.slice(0, to: 4)   # expect: PB0218 without names
