site {
  observe "yes"   # expect: PB0324 everything happens but changes
}
