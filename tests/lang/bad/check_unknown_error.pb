action team.a() pure {
  fail error.message   # expect: PB0201 `error` exists in the else { }
}
