site {
  group "g" { slack_group: "S1" }
  approvals { by: "g" quorum: 20 }   # expect: PB0324 from 1 to 10
}
