# Header fields are aligned, blocks always take lines of their own, at most one empty line is kept.
param  alerts_channel :string="#security-alerts" param limit: int=5


playbook   p{ version "1.0.0" summary "what it does" owner "o"

tier auto controls ["SOC2-CC7.3","SOC2-CC7.4",]   dedupe by f.id within 1h


  # the event
  when guardduty.finding as f where f.severity>=5

  let key=f.resource . accessKeyDetails   let  x:int ?= -key.n*( 2+3 )
  do iam.deactivate_key( user :key.userName,key : key.accessKeyId )as off timeout 30s retry 3 else{stop "no: ${error.message}"}
  if not (off.changed) { do a.b() } else if off.n in[1,2] and m["k"] exists{ } else { fail "m" code "C" }
  for x in list{ parallel{ do a() do b() } } on failure { do c() } on failure undo
  verify all(x in xs:x.ok)within 30s else "no"
  let n = a?.b?["c"] ?? d as list[int]? ?? (a as json).x
  wait 15m in region "r" { wait until aws.ec2.wait.InstanceStopped( InstanceIds:["i"] )for 10m } authorize "n" because "CHG-1" in account "1" region "r" { do x() }
  record{affected_resource:f.arn} record { a:1 b:2 }
  return { changed:true,detail:"x" } }
