action team.look() notify {
  authorize "a" because "b"   # expect: PB0228 belongs to a playbook
  do slack.notify("#a", "b")
}
