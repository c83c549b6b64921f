# with: check_lib.pb
action team.tell(id: string) notify {
  do slack.notify("#a", shared_short(id))   # expect: PB0202 there is no function or action `shared_short`
}
