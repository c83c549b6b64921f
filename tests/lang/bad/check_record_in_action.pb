action team.look(n: int) pure {
  record { n: n }   # expect: PB0228 return the value
}
