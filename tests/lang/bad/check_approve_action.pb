action team.ask() notify {
  approve "go on?" by group "g" within 1h {   # expect: PB0228 belongs to a playbook
    do slack.notify("#a", "b")
  }
}
