type Alert { id: string }
event my.alert { sources "my.siem"  schema Alert }   # expect: PB0226 did you mean `source`?
