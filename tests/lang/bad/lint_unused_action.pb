action team.tell(text: string) notify {   # expect: PB0620 action `team.tell` is never used
  do slack.notify("#a", text)
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
