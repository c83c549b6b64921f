"""A sample of `make crash`: pbrun killed at places chosen by chance, its disk full, its fsyncs failing; what it was to do is done, once. The seed is the day's,
so that the suite comes around, and what fails today fails today again."""
# speed: slow
import datetime

import crash
from pbtest import case, eq, main

SEED = str(datetime.date.today().toordinal())


def sample(*args):
    points, runs, divergences, _ = crash.run(["--seed", SEED, *args], lambda *_: None)
    eq(divergences, [], "seed %s" % SEED)
    assert points >= 50 and runs >= 12, (points, runs)


@case("killed at a place chosen by chance, and again while it is taken up: account, effects, messages and evidence as undisturbed")
def _():
    sample("--sample", "30", "--only", "_", "--ways", "point,early,done,never,slack,call")


@case("approvals: killed while asking, answering, going on, waiting, undoing")
def _():
    sample("--sample", "16", "--only", "granted", "--only", "denied", "--only", "expired", "--ways", "point,early,done,never,slack,call")


@case("the disk is full, an fsync fails: a clean stop with a sentence; when the disk is well it goes on")
def _():
    sample("--sample", "24", "--only", "root", "--only", "revoke", "--only", "block", "--ways", "sync,full,disk")


main()
