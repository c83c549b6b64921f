site {
  group "g" { }   # expect: PB0324 nobody in it
}
