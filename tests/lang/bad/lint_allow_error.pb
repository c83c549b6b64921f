playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  # pbc: allow PB0207 "it will exist"   # expect: PB0625 only warnings can be allowed
  where f.typ == "Recon:EC2/Portscan"   # expect: PB0207
  record { affected_resource: f.arn }
}
