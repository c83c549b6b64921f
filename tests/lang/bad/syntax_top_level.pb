let x = 3 # expect: PB0100 expected a declaration, found `let`
parem x: int = 3 # expect: PB0100 expected a declaration, found `parem`
type T { a int } # expect: PB0100 expected `:`, found `int`
type U { a: int, b: string? c: list[int] }
param p int = 3 # expect: PB0100 expected `:`, found `int`
fn f() = 3
import x # expect: PB0100 expected a string, found `x`
