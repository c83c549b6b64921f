guard critical { on ec2.*  where true  deny "critical" }   # expect: PB0905 this version cannot run it
