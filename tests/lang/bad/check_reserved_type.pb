type string { a: int }   # expect: PB0211 `string` is a name of the language
