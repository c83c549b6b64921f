playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls "SOC2-CC7.4"   # expect: PB0324 a list of constant texts

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
