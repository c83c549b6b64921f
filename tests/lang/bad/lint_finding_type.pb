playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type == "Recon:EC2/PortScan"   # expect: PB0617 did you mean `Recon:EC2/Portscan`?
  record { affected_resource: f.arn }
}
