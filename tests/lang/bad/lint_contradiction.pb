playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type == "Recon:EC2/Portscan"
  where f.type == "Trojan:EC2/DropPoint"   # expect: PB0615 can never hold here
  record { affected_resource: f.arn }
}
