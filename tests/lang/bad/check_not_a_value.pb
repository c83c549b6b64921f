action team.a(): time read { return now }   # expect: PB0222 call it
