playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  # pbc: allow PB0699 "whatever"   # expect: PB0625 no warning has this code
  record { affected_resource: f.arn }
}
