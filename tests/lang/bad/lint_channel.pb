site {
  slack { channels: ["#security", "#oncall"] }
}

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#secruity", f.type)   # expect: PB0623 did you mean `#security`?
  record { affected_resource: f.arn }
}
