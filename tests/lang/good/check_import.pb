# Declarations of another file, after importing it. Its own imports would not be visible.
import "tests/lang/with/check_lib.pb"

action team.tell(id: string) notify {
  let s: Shared = { id: id }
  do shared.tell(s)
  do slack.notify(shared_channel, shared_short(id))
}
