type A { b: list[B] }
type B { a: A? }   # expect: PB0213 type `A` contains itself
