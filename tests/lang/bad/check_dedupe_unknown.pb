playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  dedupe by f.idd within 1h   # expect: PB0207 did you mean `id`?
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
