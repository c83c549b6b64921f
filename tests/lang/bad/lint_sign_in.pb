playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when cloudtrail.console_sign_in as f
  where f.eventName == "ConsoleLogon"   # expect: PB0617 did you mean `ConsoleLogin`?
  record { affected_resource: f.eventID }
}
