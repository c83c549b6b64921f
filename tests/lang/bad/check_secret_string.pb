fn a(s: secret): string = json_text({ token: s })   # expect: PB0316 a secret cannot become `token`
