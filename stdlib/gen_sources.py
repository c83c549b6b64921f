#!/usr/bin/python3
"""Makes a C file that holds the given .pb files, for stdlib_sources() (stdlib/stdlib.h).

  gen_sources.py OUT.c FILE.pb ...

String literals, one a line of the source, so that the file can be read and a build needs no other tool.
"""
import os
import sys


def literal(line):
    out = []
    for byte in line:
        char = chr(byte)
        if char in '"\\?':
            out.append("\\" + char)
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append("\\%03o" % byte)
    return '"%s"' % "".join(out)


def main():
    out, files = sys.argv[1], sorted(sys.argv[2:])
    text = ['/* Made by stdlib/gen_sources.py. */', '#include "stdlib/stdlib.h"', ""]
    rows = []
    for i, name in enumerate(files):
        with open(name, "rb") as f:
            data = f.read()
        text.append("static const char source_%d[] =" % i)
        text += ["    " + literal(line) for line in data.splitlines(keepends=True)] or ['    ""']
        text[-1] += ";"
        shown = "<stdlib>/" + os.path.relpath(name, "stdlib")
        rows.append('    {"%s", source_%d, sizeof source_%d - 1},' % (shown, i, i))
    text += ["", "static const builtin_source sources[] = {"] + rows + ["};", ""]
    text += ["const builtin_source *stdlib_sources(size_t *count) {",
             "    *count = sizeof sources / sizeof *sources;", "    return sources;", "}", ""]
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(text))


main()
