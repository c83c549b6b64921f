type Alert { id: string  who: { arn: string? }? }
event siem.alert {
  source "my.siem"
  schema Alert
  principal ["who.arm"]   # expect: PB0325 did you mean `arn`?
}
