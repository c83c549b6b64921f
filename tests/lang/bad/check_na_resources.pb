type Alert { id: string }
event my.alert { source "my.siem"  schema Alert  resources(id) }   # expect: PB0915 this version cannot keep to it
