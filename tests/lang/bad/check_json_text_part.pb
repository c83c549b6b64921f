fn a(j: json): string = "user ${j}"   # expect: PB0319 json_text(...)
