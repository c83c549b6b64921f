playbook a {
  when guardduty.finding as f
}
} # expect: PB0113 `}` closes nothing

fn f(): int = 3 ) # expect: PB0113 `)` closes nothing
