fn a(s: string, t: string = "x${1}"): string = s + t   # expect: PB0311 a default value must be a constant
