site {
  alerts run.id   # expect: PB0311 takes a constant or the name
}
