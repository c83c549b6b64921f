import   "lib/x.pb"
import "lib/y.pb"
type Pair{key:string value:string?}
type Big { a: int, bb: string?, ccc: list[map[aws.ec2.Instance]]

 # second part
 d: { x: int  y: json? }? e: int # e
 ffff: int }
event siem.alert{ source["a","b"] detail_type "x"
  schema Alert resources(f.x,f.y) id "id" }
extern action x.y( a:json ):json read
extern action x.z() read
action t.u(a:T,b:int=3,):{changed:bool} contain on a{ return{changed:true} }undo{ do g() }
fn f(x:int):int=x
fn g(x:int):int=x
guard h{on ec2.* as act where act.x=="T" and not act.y deny "why" unless authorized "n"}
guard all_of { on * deny "no" }
test "t" for p{given event "e" with{a.b:1 c:2}given{let x=1}given approval by "U" given fault aws.ec2.X "C" times 2
given kill_switch on given crash at each step after 31m expect denied by g expect no do f expect do g(1) expect a==b}
site prod{state "s" chat slack{token:1} param c=3}
site { state "t" }
playbook q { when a.b as f
approve "Terminate ${i.id}?" via slack "#c" by group "g" quorum 2 within 30m escalate to group "l" after 10m{do f()}
denied{do g()}expired{}
approve "really?" { do f() } }
