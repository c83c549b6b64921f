action team.a(n: int) read {
  do team.a(n - 1)   # expect: PB0212 `team.a` ends up calling itself
  do pause(1s)
}
