action team.a() read {
  let n = now()   # expect: PB0601 `n` is never used
}
