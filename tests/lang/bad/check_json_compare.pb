fn a(j: json): bool = j.user == "mary"   # expect: PB0319 is untyped json and cannot be compared
