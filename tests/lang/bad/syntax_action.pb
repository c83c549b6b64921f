action team.a(x: int) { } # expect: PB0120 the action does not say what it may do
action team.b(x: int): int reed { return x } # expect: PB0120 unknown effect `reed`
action team.c(x: int): list read { return [x] } # expect: PB0123 `list` of what?
action team.d(x: int[string]) read { } # expect: PB0123 only `list` and `map` take a type in brackets
action team.e(x int) read { } # expect: PB0100 expected `:`, found `int`
