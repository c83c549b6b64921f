# Strings keep their form.
fn a():string="\u{20AC} \$ ${ a+b } ${f( "x",{a:1} )}"
fn b(): string = """
    one
      ${ two ?? "x" }
  three   
  """
action c.d() read { do e.f("""
x
y""", 5TB+10GiB, 1.50e3, 500ms) }
