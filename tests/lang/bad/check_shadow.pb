playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let id = f.id
  for id in ["a"] {   # expect: PB0210 `id` is already the name of a local variable
    do slack.notify("#a", id)
  }
  do slack.notify("#a", id)
  record { affected_resource: f.arn }
}
