fn a(xs: list[bool]): list[bool] = xs.sort()   # expect: PB0305 have no order
