playbook p {
  version  "1.0.0"

  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]
  description "more of it"   # expect: PB0223 there are version, summary, owner

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
