playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  let key = f.resource.accesKeyDetails   # expect: PB0207 did you mean `accessKeyDetails`?
  where key.userName exists and f.tpye exists   # expect: PB0207 did you mean `type`?
  record { affected_resource: f.arn }
}
