param token: secret

fn same(t: secret): string = t   # expect: PB0316 a secret cannot become `same`

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", same(token))
  record { affected_resource: f.arn }
}
