"""The demo ends as it promises: six findings handled, five contained, one reported, two acts denied, nothing changed by the second round, one isolation undone."""
# speed: slow
from pbtest import case, eq, has, main, run


@case("make demo's program ends well and says so")
def _():
    p = run(["/usr/bin/python3", "playbooks/demo.py"], timeout=120)
    eq(p.returncode, 0, p.stdout[-2000:] + p.stderr[-2000:])
    has(p.stdout, "6 findings handled: 5 contained, one of them terminated by two people's decision, 1 reported; 2 acts denied; "
                  "running the same events again changed nothing; one isolation undone")


main()
