action team.a(token: secret) notify {
  do slack.notify("#a", token)   # expect: PB0316 a secret cannot become `text`
}
