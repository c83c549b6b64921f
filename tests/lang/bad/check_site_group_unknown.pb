site {
  person "alice" { login: "alice" }
  group "g" { people: ["alise"] }   # expect: PB0232 did you mean `alice`?
}
