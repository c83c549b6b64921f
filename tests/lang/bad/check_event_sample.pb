type Alert { id: string  who: { arn: string? }? }
event siem.alert {
  source "my.siem"
  schema Alert
  sample true   # expect: PB0324 a constant text
}
