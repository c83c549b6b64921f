"""The demo ends as it promises: five findings handled, four contained, one reported, and nothing changed by the second round."""
# speed: slow
from pbtest import case, eq, has, main, run


@case("make demo's program ends well and says so")
def _():
    p = run(["/usr/bin/python3", "playbooks/demo.py"], timeout=120)
    eq(p.returncode, 0, p.stdout[-2000:] + p.stderr[-2000:])
    has(p.stdout, "5 findings handled: 4 contained, 1 reported; running the same events again changed nothing")


main()
