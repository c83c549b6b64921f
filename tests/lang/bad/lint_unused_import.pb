import "tests/lang/with/check_lib.pb"   # expect: PB0621 nothing of `tests/lang/with/check_lib.pb` is used

playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  record { affected_resource: f.arn }
}
