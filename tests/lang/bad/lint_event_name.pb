playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     auto
  controls ["SOC2-CC7.4"]

  when cloudtrail.api_call as f
  where f.eventName == "StopLoging"   # expect: PB0617 did you mean `StopLogging`?
  record { affected_resource: f.eventID }
}
