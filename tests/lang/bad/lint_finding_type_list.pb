playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type in ["Trojan:EC2/DropPoint", "Trojan:EC2/DroppPoint"]   # expect: PB0617 GuardDuty has no finding type `Trojan:EC2/DroppPoint`
  record { affected_resource: f.arn }
}
