# with: check_playbook.pb
# expect-at 1: PB0209 `same` is declared twice
playbook same {
  version "1.0.0"  summary "s"  owner "o"  tier manual  controls ["c"]
  when guardduty.finding as f
  record { affected_resource: f.arn }
}
