extern action a(n: int) read   # expect: PB0229 cannot be extern
