type Node { left: Node?  name: string }   # expect: PB0213 type `Node` contains itself
