action team.a() read {
  do aws.guardduty.ListFindings(DetectorId: "abc", MaxResults: 500)   # expect: PB0309 the value 500, more than AWS allows
}
