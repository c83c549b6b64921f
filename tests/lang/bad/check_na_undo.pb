action team.tell(text: string) notify {   # expect: PB0908 this version cannot undo
  do slack.notify("#a", text)
} undo {
  do slack.notify("#a", "never mind")
}
