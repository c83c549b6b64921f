playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.resource.accessKeyDetails.userName == "mary"
  let key = f.resource.accessKeyDetails
  if key.userName like "svc-*" {   # expect: PB0615 `key.userName like "svc-*"` can never hold here
    stop "a service"
  }
  record { affected_resource: f.arn }
}
