import "tests/lang/with/check_lib.pb"   # expect: PB0209 `shared_short` is declared twice
fn shared_short(s: string): string = s
