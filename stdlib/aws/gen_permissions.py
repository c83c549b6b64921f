#!/usr/bin/python3
"""Makes aws_permissions.c out of permissions.tsv: one record for each operation of a row, sorted, and one pool of text.

  gen_permissions.py permissions.tsv OUT.c
"""
import re
import sys

COLUMNS = 6  # service, operations, permissions, resources, conditions, when; a reason may follow
PERMISSION = re.compile(r"^\+?(=|[a-z0-9-]+:(=|\{METHOD\}|[A-Za-z0-9]+))$")
RESOURCE = re.compile(r"^(\*|[a-z0-9-]+:(R|[a-z0-9-]+)?:(A|aws|\*)?:\S+)$")
CONDITION = re.compile(r"^[a-z0-9-]+:[A-Za-z0-9/:-]+[=~@][^\s=]+$")
WHEN = re.compile(r"^(given|in):[A-Za-z0-9_.,]+$")


class Table:
    def __init__(self):
        self.pool, self.at, self.rows = bytearray(b"\0"), {"": 0}, []

    def text(self, s):
        if s not in self.at:
            self.at[s] = len(self.pool)
            self.pool += s.encode("ascii") + b"\0"
        return self.at[s]


def read(path):
    """The rows as (service, operation, permissions, resources, conditions, when), checked for form."""
    with open(path, encoding="ascii") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            columns = (line.split("\t") + [""] * COLUMNS)[:COLUMNS]
            service, operations, permissions, resources, conditions, when = (c.strip() for c in columns)
            for what, words, pattern in (("permission", permissions, PERMISSION), ("resource", resources, RESOURCE),
                                         ("condition", conditions, CONDITION), ("when", when, WHEN)):
                for w in words.split():
                    if not pattern.match(w):
                        sys.exit("%s:%d: not a %s: %s" % (path, number, what, w))
            if not (service and operations and permissions and resources):
                sys.exit("%s:%d: service, operations, permissions and resources must be there" % (path, number))
            for operation in operations.split():
                yield service, operation, " ".join(permissions.split()), " ".join(resources.split()), " ".join(conditions.split()), " ".join(when.split())


def main():
    source, out = sys.argv[1:]
    table = Table()
    rows = sorted(read(source))
    for a, b in zip(rows, rows[1:]):
        if a == b:
            sys.exit("%s: %s.%s: the same row twice" % (source, a[0], a[1]))
    records = [tuple(table.text(c) for c in row) for row in rows]
    with open(out, "w", encoding="ascii") as f:
        f.write("/* made by stdlib/aws/gen_permissions.py from permissions.tsv */\n#include \"stdlib/aws/policy_parts.h\"\n\n")
        f.write("static const char pool[] =\n")
        for s in bytes(table.pool[:-1]).decode("ascii").split("\0"):
            f.write('    "%s\\0"\n' % s.replace("\\", "\\\\").replace('"', '\\"'))
        f.write(";\n\nstatic const permission_row rows[] = {\n")
        for r in records:
            f.write("    {%s},\n" % ", ".join(map(str, r)))
        f.write("};\n\nconst permission_row *permission_rows(size_t *n) {\n    *n = sizeof rows / sizeof *rows;\n    return rows;\n}\n")
        f.write("\nconst char *permission_text(uint32_t offset) { return pool + offset; }\n")


if __name__ == "__main__":
    main()
