action t.forget(host:string)contain on host{ # why
do aws.ec2.DeleteTags(Resources:[host])}undo none "what the tags were is not kept" # said
action t.long(host:string)contain on host{
do aws.ec2.DeleteTags(Resources:[host])
# behind the body
}undo none "a reason that is so long that the line of it has more than the one hundred and twenty columns that a line may have"
action t.back(host:string)contain on host{ let had=1 do f(host) }
# in front of the undo
undo{ # opens
do g(host,had) # back
return{changed:true,detail:"put back"}}
guard g{on "aws.iam.Delete*" as act on *.terminate as act # second
# the condition
where act.args.UserName exists and act.account!="123456789012" and any(t in act.args.Tags: t.Key == "a" and t.Value == "b")
where not(act.effect=="notify") deny """
  one
  two
""" unless authorized "break-glass"}
event a.b{schema T sample "x.y" principal["a.b","c.d"]resources("one.of.them","another.of.them","a.third.one.of.them","a.fourth.one.of.them")
# last
}
site{person "alice"{slack:"U1" arn:["arn:aws:iam::123456789012:user/alice","arn:aws:iam::123456789012:role/alice"] login:"alice" mail:"alice@example.com"}
group "g"{people:["alice"]} # a group
observe true
# keys
kill_switch{ssm:"/x"
# the item
dynamodb:"t/k"}}
playbook p{version "1.0.0" tier approve # asks
dedupe by "${f.accountId}/${f.type}" within 45d limit 5 per 1h else approve concurrency 2 timeout 1d
when guardduty.finding as f
on failure undo # undo
on failure{do h()}
parallel{approve "a?" by group "g" # who
within 1h{do x() # x
}denied{}wait 5m}
if a{approve "b?" via slack channel by person "alice" by slack_group "S1" # three
# between the clauses
quorum 2 within 1h escalate to person "bob" after 10m{ # in the block
do y()} # behind it
expired{authorize "x" because "CHG-${f.id}" wait 15m}
denied{stop "no"}}
authorize "break-glass" because "a long reason for what is done, so long that it does not fit on the line: ${f.id} of ${f.accountId}"}
