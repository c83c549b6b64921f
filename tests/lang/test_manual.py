#!/usr/bin/python3
"""Manual pages and shell completions: made from the tables that parse the command line, and taken by man and the shells."""
import re
import shutil
import subprocess

from pbtest import PBC, PBRUN, Skip, case, eq, has, main, run

PROGRAMS = {"pbc": PBC, "pbrun": PBRUN}


def commands(program):
    """Those that --help has a line for."""
    text = run([program, "--help"]).stdout
    body = text[text.index("\ncommands:\n") + 11:text.index("\noptions:\n")]
    return [line.split()[0] for line in body.splitlines() if line.strip() and "(not available" not in line]


@case("manual pages have all commands and options, and man takes them")
def _():
    for name, program in PROGRAMS.items():
        page = run([program, "manual"]).stdout
        for command in commands(program):
            has(page, '.SS "%s %s' % (name, command))
            if command == "sim":
                continue  # it has a table of its own
            for option in re.findall(r"^ +(?:-\w, )?--([\w-]+)", run([program, command, "--help"]).stdout, re.M):
                has(page, "\\-\\-" + option.replace("-", "\\-"))
        if name == "pbrun":
            for variable in ("PB_STORE", "PB_EVENTS_SECRET", "SLACK_BOT_TOKEN", "AWS_ENDPOINT_URL"):
                has(page, variable)
        if not shutil.which("groff"):
            raise Skip("no groff here")
        p = run(["groff", "-man", "-Tutf8", "-ww"], stdin=page)
        eq((p.returncode, p.stderr), (0, ""))


@case("help and pages that cannot be written are an error")
def _():
    for args in ([PBRUN, "--help"], [PBRUN, "manual"], [PBRUN, "--version"], [PBC, "--help"], [PBC, "manual"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            p = subprocess.run(args, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert p.returncode and "writ" in p.stderr, (args, p.returncode, p.stderr)


@case("bash completes commands, options and files")
def _():
    for name, program in PROGRAMS.items():
        script = run([program, "completion", "bash"]).stdout

        def complete(*words):
            ask = "COMP_WORDS=(%s); COMP_CWORD=%d; _%s; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (" ".join(words), len(words) - 1, name)
            p = run(["bash", "-c", script + ask])
            eq((p.returncode, p.stderr), (0, ""))
            return [w for w in p.stdout.split("\n") if w]
        eq(sorted(w for w in complete(name, "''") if not w.startswith("-")), sorted(commands(program)))
        first = commands(program)[0]
        assert "--help" in complete(name, first, "--") and "README.md" in complete(name, first, "READ"), first


@case("zsh and fish scripts hold together")
def _():
    for name, program in PROGRAMS.items():
        zsh, fish = run([program, "completion", "zsh"]).stdout, run([program, "completion", "fish"]).stdout
        for command in commands(program):
            has(zsh, "    '%s:" % command)
            has(fish, "-f -a %s -d '" % command)
        # Each quote is closed again: an odd one would swallow the rest.
        for line in fish.splitlines():
            eq(len(re.findall(r"(?<!\\)'", line)) % 2, 0, line)
        eq(len(zsh.replace("'\\''", "").split("'")) % 2, 1)
        if shutil.which("zsh"):
            eq(run(["zsh", "-n"], stdin=zsh).returncode, 0)


@case("another shell is refused")
def _():
    for program in PROGRAMS.values():
        p = run([program, "completion", "tcsh"])
        eq(p.returncode, 2)
        has(p.stderr, "bash, zsh or fish")


main()
