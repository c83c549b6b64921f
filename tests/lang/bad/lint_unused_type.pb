type Kept { id: string }   # expect: PB0620 type `Kept` is never used

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
