site {
  protect { bucket: ["logs"] }   # expect: PB0226 did you mean `buckets`?
}
