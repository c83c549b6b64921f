playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.type like "Recon:EC2/*" and f.type like "Recon:IAMUser/*"   # expect: PB0615 `f.type like "Recon:IAMUser/*"` can never hold
  record { affected_resource: f.arn }
}
