guard g {   # expect: PB0330 does not say why it denies
  on ec2.isolate
}
