action team.a(): int pure { return "x" }   # expect: PB0301 the result takes int, not string
