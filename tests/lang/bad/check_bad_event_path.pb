type Alert { alert_id: string }
event my.alert { source "my.siem"  schema Alert  id "id" }   # expect: PB0325 Alert has no field `id`
