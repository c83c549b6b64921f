guard harmless {
  on slack.* as a
  where (a.args.channel as string) == "#oncall"
  deny "not for that"
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let channel = f.title ?? "#a"
  where channel == "#oncall"
  do slack.notify(channel, "x")   # expect: PB1005 the guard `harmless` denies this step
  record { affected_resource: f.arn }
}
