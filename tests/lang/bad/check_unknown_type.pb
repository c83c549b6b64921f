param channel: String = "x"   # expect: PB0203 write `string`
