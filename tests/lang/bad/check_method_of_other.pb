fn a(n: int): string = n.lower()   # expect: PB0221 it belongs to string
