# Guards over actions, operations and patterns; what they see of an act.
action team.cut(host: string, ports: list[int] = [22], why: string? = none): { changed: bool } contain on host {
  let before = aws.ec2.DescribeTags(Filters: [{ Name: "resource-id", Values: [host] }]).Tags
  let mine = [t for t in before if t.Key == "Cut"]
  if ports.size() == 0 {
    return { changed: false }
  }
  do aws.ec2.CreateTags(Resources: [host], Tags: [{ Key: "Cut", Value: why ?? "yes" }])
  let later = aws.ec2.DescribeTags().Tags
  return { changed: later.size() > 0 }
} undo {
  if mine.size() == 0 {
    return { changed: false }
  }
  do aws.ec2.CreateTags(Resources: [host], Tags: [{ Key: "Cut", Value: t.Value } for t in mine])
  return { changed: true, detail: "${host} has its tag again" }
}

# An undo may call the action that it belongs to: nothing calls it but pbrun.
action team.label(host: string, text: string) contain on host {
  let old = tag_map(aws.ec2.DescribeTags().Tags)["Label"]
  do aws.ec2.CreateTags(Resources: [host], Tags: [{ Key: "Label", Value: text }])
} undo {
  do team.label(host, old ?? "")
}

action team.forget(host: string) contain on host {
  do aws.ec2.DeleteTags(Resources: [host])
} undo none "what the tags were is not kept"

guard one_action {
  on     team.cut as a
  where  a.args.ports.size() > 3 or a.args.why == "test"
  where  a.args.host like "i-*" and a.account == run.account
  deny   "${a.args.host}: ${a.action} on ${a.target ?? "nothing"} (${a.effect}) in ${a.region ?? "no region"}"
  unless authorized "many-ports"
}

guard one_operation {
  on    aws.ec2.TerminateInstances as act
  where any(id in act.args.InstanceIds: ec2.instance(id).tags["Critical"] == "True")
  deny  "a critical instance"
}

guard several {
  on    team.forget as x
  on    "aws.iam.Delete*" as x
  on    *.terminate
  where x.account != run.account
  deny  "not ${x.action}, with ${(x.args.UserName as string) ?? "nobody"}"
}

guard everything {
  on    * as x
  where x.region == "nowhere"
  deny  "no"
}

playbook uses_them {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do team.cut(f.accountId)
  do team.label(f.accountId, "seen")
  do team.forget(f.accountId)
  record { affected_resource: f.arn }
}
