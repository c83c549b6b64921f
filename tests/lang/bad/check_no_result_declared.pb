action team.a() pure { return 5 }   # expect: PB0301 does not declare a result
