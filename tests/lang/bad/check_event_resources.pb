type Alert { id: string  who: { arn: string? }? }
event siem.alert {
  source "my.siem"
  schema Alert
  resources("id", "whoo.arn")   # expect: PB0325 did you mean `who`?
}
