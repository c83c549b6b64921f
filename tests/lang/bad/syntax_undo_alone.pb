undo { }   # expect: PB0100 right behind the body of an action
