playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let run = f.id   # expect: PB0211 `run` is a name of the language
  do slack.notify("#a", run)
  record { affected_resource: f.arn }
}
