action team.look() pure {
  stop "enough"   # expect: PB0228 belongs to a playbook
}
