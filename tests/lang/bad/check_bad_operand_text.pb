fn a(n: int): string = "n is " + n   # expect: PB0305 put values into a text
