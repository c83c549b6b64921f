action a.b() notify {
  do slack.notify("#a", "b")
} undo "never"   # expect: PB0100 undo none "why it cannot be undone"
