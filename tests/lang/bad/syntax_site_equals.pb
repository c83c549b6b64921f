site {
  store = "sqlite:///x.db"   # expect: PB0100 there is no `=` between a name and its value
}
