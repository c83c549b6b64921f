# What the check_import files share.
type Shared { id: string  note: string? }
param shared_channel: string = "#shared"
fn shared_short(s: string): string = s.slice(0, 8)
action shared.tell(s: Shared) notify {
  do slack.notify(shared_channel, "${shared_short(s.id)}: ${s.note ?? "-"}")
}
