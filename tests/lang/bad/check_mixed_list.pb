fn a(): int = [1, "a"].size()   # expect: PB0326 this item is string, the ones before are int
