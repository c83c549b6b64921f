event my.alert { source "my.siem" }   # expect: PB0226 event `my.alert` has no schema
