fn a(n: int): int = b(n)
fn b(n: int): int = c(n)
fn c(n: int): int = a(n)   # expect: PB0212 a → b → c → a
