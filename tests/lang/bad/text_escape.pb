playbook a {
  when guardduty.finding as f
  where f.type matches "\d+" # expect: PB0106 unknown escape `\d`
  stop "\u00e9" # expect: PB0106 unknown escape `\u`
  stop "\u{110000}" # expect: PB0106 `\u{110000}` is not a Unicode character
  stop "\u{d800} and \u{}" # expect: PB0106 `\u{d800}` # expect: PB0106 `\u{}`
}
