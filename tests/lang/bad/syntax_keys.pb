playbook a {
  when guardduty.finding as f
  record { "${f.id}": 3 } # expect: PB0122 this text must be constant
  record { 3: 4 } # expect: PB0100 found `3`
  let x = [a: 3] # expect: PB0100 the items of a list have no names
}
import "${x}" # expect: PB0122 this text must be constant
