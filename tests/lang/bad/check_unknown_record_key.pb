type Box { id: string }
fn a(): Box = { id: "1", size: 5 }   # expect: PB0306 Box has no member `size`
