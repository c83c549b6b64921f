param limit: int?   # expect: PB0321 give it a default instead
