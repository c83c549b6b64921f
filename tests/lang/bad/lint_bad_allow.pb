playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", f.type) as told   # pbc: allow PB0622   # expect: PB0625 needs a reason   # expect: PB0622
  record { affected_resource: f.arn }
}
