playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f

  record { id: f.id  id: f.arn }   # expect: PB0220 the key `id` is written twice
}
