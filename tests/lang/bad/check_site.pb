param port: int = 1
param external: secret
site {
  accounts {
    roles: "IncidentResponder"      # expect: PB0226 did you mean `role`?
    role: "a role"                  # expect: PB0324 the name of the role to assume
    role: "again"                   # expect: PB0224 written twice
    external_id: external
    home: "12"                      # expect: PB0324 12 digits
  }
}
site {                              # expect: PB0209 a program has one `site`
  accounts { home: port }           # expect: PB0324 has no `role` # expect: PB0301 takes a string, but the parameter is int
  accounts { role: "R" }            # expect: PB0224 written twice
}
