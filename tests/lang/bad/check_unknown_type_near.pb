type Other { id: string }
fn a(i: Interfacee): string = i.id   # expect: PB0203 did you mean `Interface`?
