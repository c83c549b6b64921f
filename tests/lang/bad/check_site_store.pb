site {
  store "postgres://x"   # expect: PB0324 sqlite:///
}
