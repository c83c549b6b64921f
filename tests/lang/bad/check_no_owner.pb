playbook p {   # expect: PB0606 playbook `p` has no owner
  version  "1.0.0"
  summary  "what it does"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
