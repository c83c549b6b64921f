site {
  person "alice" { }   # expect: PB0324 by which they are known
}
