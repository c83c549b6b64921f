playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let keys = [k for k in aws.iam.ListAccessKeys().AccessKeyMetadata if k.Status == "Active" and k.Status == "Inactive"]   # expect: PB0615 `k.Status == "Inactive"` can never hold
  where keys.size() > 0
  record { affected_resource: f.arn }
}
