site {
  state "sqlite:///var/lib/pb.db"   # expect: PB0907 `state` in `site` is not available in this version
  param channel = "#soc"            # expect: PB0907 set parameters with --set
  accounts { role: "IncidentResponder" }
}
