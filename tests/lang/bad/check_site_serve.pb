site {
  serve { url: "pb.example.com" }   # expect: PB0324 https://
}
