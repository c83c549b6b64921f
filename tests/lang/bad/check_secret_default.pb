param token: secret = "hunter2"   # expect: PB0316 a secret has no default
