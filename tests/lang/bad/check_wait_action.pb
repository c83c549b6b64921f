action team.look() notify {
  wait 5m   # expect: PB0228 belongs to a playbook
}
