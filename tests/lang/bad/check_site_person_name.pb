site {
  person { login: "a" }   # expect: PB0324 followed by a name
}
