# expect-at 6: PB0121 there is no `/* */`
playbook a {
  // a comment # expect: PB0121 a comment begins with `#`
  summary 'single' # expect: PB0121 a string stands in double quotes: "single"
  owner “secops” # expect: PB0103 typographic quote
  /* a
     b */
  when guardduty.finding as f
  let a = f.id § # expect: PB0103 character `§` means nothing here
  let b = @f.id # expect: PB0103 character `@` means nothing here
  let c = f.id  # expect: PB0103 no-break space
}
