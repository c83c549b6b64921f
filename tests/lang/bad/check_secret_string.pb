fn a(s: secret): string = json_text({ token: s })   # expect: PB0316 cannot be given to `json_text`
