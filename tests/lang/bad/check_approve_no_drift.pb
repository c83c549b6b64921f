playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  approve "go on?" by group "g" within 1h {   # expect: PB0642 nothing that the block uses was read
    do iam.revoke_sessions(user: "mary")
  }
  record { affected_resource: f.arn }
}
