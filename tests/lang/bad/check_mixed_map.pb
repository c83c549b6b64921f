fn a(): int = { "a": 1, "b": "c" }.size()   # expect: PB0326 this value is string
