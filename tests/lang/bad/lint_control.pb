playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when securityhub.finding as f
  where f.GeneratorId == "security-control/EC2.1900"   # expect: PB0617 Security Hub has no control `EC2.1900`
  record { affected_resource: f.Id }
}
