playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  do aws.iam.PutRolePolicy(
    RoleName: "suspects",
    PolicyName: "deny",
    PolicyDocument: "{ \"Statement\": [{ \"Effect\": \"Deny\", \"Resource\": \"${f.arn}\" }] }"   # expect: PB1002 gets into `PolicyDocument` of `aws.iam.PutRolePolicy` as it is
  )
  record { affected_resource: f.arn }
}
