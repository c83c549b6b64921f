type Instance { id: string }   # expect: PB0209 cannot be replaced
