fn a(s: string): bool = s matches "[a-z"   # expect: PB0312 the regular expression is not valid
