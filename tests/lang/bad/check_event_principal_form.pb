type Alert { id: string  who: { arn: string? }? }
event siem.alert {
  source "my.siem"
  schema Alert
  principal "who..arn"   # expect: PB0324 a path of names
}
