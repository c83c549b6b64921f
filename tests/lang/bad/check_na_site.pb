site { state "sqlite:///var/lib/pb.db" }   # expect: PB0907 this version cannot run it
