action team.a(n: int): int pure {   # expect: PB0322 can come to its end without `return`
  if n > 0 { return n }
}
