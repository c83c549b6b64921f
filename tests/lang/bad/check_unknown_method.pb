fn a(ids: list[string]): int = ids.length()   # expect: PB0221 did you mean `size`?
