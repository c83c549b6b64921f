#!/usr/bin/python3
"""Makes a C file that holds the page's files, for web_files (vm/serve_web.h).

  gen_files.py FILE ... OUT.c
"""
import os
import sys

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def literal(line):
    out = []
    for byte in line:
        char = chr(byte)
        out.append("\\" + char if char in '"\\?' else char if 32 <= byte < 127 else "\\%03o" % byte)
    return '    "%s"' % "".join(out)


def main():
    *files, out = sys.argv[1:]
    text, rows = ["/* Made by vm/web/gen_files.py. */", '#include "vm/serve_web.h"', ""], []
    for i, path in enumerate(sorted(files)):
        with open(path, "rb") as f:
            data = f.read()
        name = os.path.basename(path)
        text += ["static const char file_%d[] =" % i] + [literal(line) for line in data.splitlines(keepends=True)]
        text[-1] += ";"
        rows.append('    {"%s", "%s; charset=utf-8", file_%d, sizeof file_%d - 1},' % (name, TYPES[os.path.splitext(name)[1]], i, i))
    text += ["", "const web_file web_files[] = {"] + rows + ["    {0},", "};", ""]
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(text))


main()
