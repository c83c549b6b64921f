playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do slack.notify("#a", f.type)   # pbc: allow PB0622 "looked at later"   # expect: PB0624 PB0622 is allowed here, but is not reported
  record { affected_resource: f.arn }
}
