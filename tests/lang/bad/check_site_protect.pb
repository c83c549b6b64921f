site {
  protect { buckets: ["*"] }   # expect: PB0324 nothing may touch
}
