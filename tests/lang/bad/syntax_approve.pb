playbook p {
  version  "1.0.0"
  summary  "what it does"
  owner    "secops@example.com"
  tier     approve
  controls ["SOC2-CC7.4"]

  when guardduty.finding as f
  expired { stop "no" }   # expect: PB0100 right behind the block of an `approve`
  approve "a?" to group "g" { }   # expect: PB0100 an approval goes on with via, by, quorum
  approve by group "g" { }   # expect: PB0100 an approval goes on with via, by, quorum
  approve "b?" by group "g" within 1h { } else { stop "no" }   # expect: PB0100 `denied { }` and `expired { }`
  approve "c?" by group "g" within 1h { } reject { }   # expect: PB0100 `denied { }` and `expired { }`
  wait for 5m   # expect: PB0100 wait 15m, or wait until
  authorize "x" since "CHG-1"   # expect: PB0100 expected `because`, found `since`
  record { affected_resource: f.arn }
}
