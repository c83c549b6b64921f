site {
  store { url: "sqlite:///x" }   # expect: PB0311 takes a constant
}
