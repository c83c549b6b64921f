action team.a(token: secret) notify {
  do slack.notify("#a", "token ${token}")   # expect: PB0316 cannot be written into a text
}
