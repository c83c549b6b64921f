site {
  state "sqlite:///var/lib/pb.db"   # expect: PB0226 it holds accounts, store, alerts
  param channel = "#soc"            # expect: PB0907 set parameters with --set
  accounts { role: "IncidentResponder" }
}
