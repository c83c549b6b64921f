guard g {   # expect: PB0330 does not say what it watches
  deny "no"
}
