action team.a(): int pure {
  let n: int = "5"   # expect: PB0301 `n` takes int, not string
  return n
}
