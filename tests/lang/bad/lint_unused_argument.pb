fn short(s: string, length: int): string = s.slice(0, 4)   # expect: PB0619 `short` never uses its parameter `length`

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where short(f.type, 4) == "Reco"
  record { affected_resource: f.arn }
}
