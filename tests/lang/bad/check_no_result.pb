playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do pause(1s) as paused   # expect: PB0318 leave `as paused` out
  record { affected_resource: f.arn }
}
