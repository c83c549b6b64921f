param token: secret

fn show(t: secret): string = "${t}"   # expect: PB0316 a secret cannot be written into a text

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", show(token))
  record { affected_resource: f.arn }
}
