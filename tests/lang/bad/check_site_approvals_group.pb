site {
  approvals { by: "secops" }   # expect: PB0232 the site has no group "secops"
}
