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
  let once = 1
  let once = 2   # expect: PB0210 `once` is already the name of a local variable
  record { affected_resource: f.arn  n: once }
}
