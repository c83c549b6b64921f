fn arn(s: string): string = s   # expect: PB0211 `arn` is a name of the language
