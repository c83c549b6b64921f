site {
  kill_switch { dynamodb: "table" }   # expect: PB0324 "table/key"
}
