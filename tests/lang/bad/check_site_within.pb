site {
  group "g" { slack_group: "S1" }
  approvals { by: "g" within: 5 }   # expect: PB0324 from 1m to 30d
}
