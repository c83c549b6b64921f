playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do sim.instance()   # expect: PB0707 `sim.instance` exists in tests only
  record { affected_resource: f.arn }
}

