playbook p {   # expect: PB0607 playbook `p` has no controls
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
