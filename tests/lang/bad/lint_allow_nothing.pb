playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  # pbc: allow "whatever"   # expect: PB0625 which warning is allowed here?
  record { affected_resource: f.arn }
}
