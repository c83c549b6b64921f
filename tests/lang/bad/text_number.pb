playbook a {
  when guardduty.finding as f
  let n = 9223372036854775808 # expect: PB0107 number too large: integers go up to 9223372036854775807
  let ok = 9223372036854775807
  let id = 012345678901 # expect: PB0107 a number cannot begin with 0
  let size = 9000PiB # expect: PB0107 the largest size is 8191PiB
  let time = 9223372036854776s # expect: PB0107 the largest duration is 9223372036854775s
  let f1 = 1.0e999 # expect: PB0107 number too large: floats
}
