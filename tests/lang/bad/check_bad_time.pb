fn a(): time = time("2026-13-01T00:00:00Z")   # expect: PB0313 is not a time
