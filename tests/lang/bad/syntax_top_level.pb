parem x: int = 3 # expect: PB0100 expected a declaration, found `parem`
type T { a int } # expect: PB0100 expected `:`, found `int`
type U {
  a: int
  b string # expect: PB0100 expected `:`, found `string`
  c: list[int]
  d; int # expect: PB0111 `;` is not needed # expect: PB0100 expected `:`, found `int`
}
import x # expect: PB0100 expected a string, found `x`
param p int = 3 # expect: PB0100 expected `:`, found `int`
fn f(a: int = 3, b: { c: int, d: map[string]? } = {}): int = a
let x = 3 # expect: PB0100 expected a declaration, found `let`
