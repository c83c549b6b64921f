site {
  person "alice" { login: "a" }
  person "alice" { login: "b" }   # expect: PB0224 written twice
}
