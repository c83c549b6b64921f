playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  where f.severity > flot("1")   # expect: PB0202 there is no function or action `flot`
  record { affected_resource: f.arn }
}
