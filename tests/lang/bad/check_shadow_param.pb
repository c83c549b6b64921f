param channel: string = "#a"
action team.tell(channel: string) notify {   # expect: PB0210 a deployment parameter
  do slack.notify(channel, "x")
}
