action team.look(n: int) pure {
  where n > 5   # expect: PB0228 belongs to a playbook
}
