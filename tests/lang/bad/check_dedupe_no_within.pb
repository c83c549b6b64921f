playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]
  dedupe by f.id   # expect: PB0324 how long a repeat is one
  when guardduty.finding as f

  record { affected_resource: f.arn }
}
