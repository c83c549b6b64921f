param token: string = "x"
site {
  slack { bot_token: token }   # expect: PB0301 takes a secret, but the parameter is string
}
