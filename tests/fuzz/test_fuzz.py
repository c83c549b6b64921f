"""The fuzz drivers for a few seconds each, when clang is there: enough to see that none breaks on its seeds, on what was found before, and
on what lies near them. The long runs are `make fuzz`."""
# speed: slow
import os
import shutil
import subprocess

import run
from pbtest import case, main

if shutil.which("clang"):
    built = subprocess.run(["make", "-s", "-j2", "fuzz-build"], cwd=run.ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    for driver in run.DRIVERS:
        @case("the driver `%s` finds nothing in its seeds and in a second" % driver)
        def _(driver=driver):
            ok, said = run.fuzz(driver, 1, "smoke")
            assert ok, said[-3000:]
else:
    print("skip fuzz: clang is not installed")

main()
