action team.tell(user: string) notify on usr {   # expect: PB0227 did you mean `user`?
  do slack.notify("#a", user)
}
