site {
  slack { bot_token: "xoxb-12345678" }   # expect: PB0316 must not stand in the source
}
