site {
  approvals { via: "#c" }   # expect: PB0324 has no `by`
}
