playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  authorize "" because "b"   # expect: PB0324 needs a name
  record { affected_resource: f.arn }
}
