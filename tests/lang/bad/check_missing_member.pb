type Box { id: string  size: int? }
fn a(): Box = { size: 5 }   # expect: PB0307 Box needs `id`
