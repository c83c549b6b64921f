fn short(s: string): string = s.slice(0, 4)   # expect: PB0620 function `short` is never used

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
