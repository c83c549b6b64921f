action team.tell() read {
  do slack.notify("#a", "b")   # expect: PB0401 is declared read, but calls `slack.notify`, whose effect is notify
}
