fn a(): time = now()   # expect: PB0403 cannot be called in the body of a fn
