action team.a() read {
  do aws.connectcases.SearchCases(domainId: "d-1", filter: { andAll: []  not: { andAll: [] } })   # expect: PB0323 is a union
}
