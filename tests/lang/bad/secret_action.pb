param token: secret

action team.tell(text: string) notify {
  do slack.notify("#a", text)
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do team.tell(token)   # expect: PB0316 a secret cannot become `text`
  record { affected_resource: f.arn }
}
