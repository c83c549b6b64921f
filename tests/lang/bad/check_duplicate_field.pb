type T { a: int  a: string }   # expect: PB0220 the field `a` is declared twice
