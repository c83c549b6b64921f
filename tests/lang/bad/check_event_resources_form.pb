type Alert { id: string  who: { arn: string? }? }
event siem.alert {
  source "my.siem"
  schema Alert
  resources(id)   # expect: PB0324 constant texts
}
