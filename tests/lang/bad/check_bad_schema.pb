event my.alert { source "my.siem"  schema string }   # expect: PB0324 the schema of an event is a record
