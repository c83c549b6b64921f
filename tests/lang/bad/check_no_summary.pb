playbook p {   # expect: PB0605 playbook `p` has no summary
  version  "1.0.0"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
