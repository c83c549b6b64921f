#!/usr/bin/python3
"""pbc graph, pbc doc and pbc new: pictures hold together, nobody's text becomes markup, new playbooks check."""
# runs: sanitized
import html.parser
import os
import re
import tempfile
import xml.dom.minidom

from pbtest import PBC, ROOT, case, main, run

LIBRARY = os.path.join(ROOT, "playbooks")
NAMES = sorted(f[:-3] for f in os.listdir(LIBRARY) if f.endswith(".pb") and not f.endswith("_test.pb") and "\nplaybook " in "\n" + open(os.path.join(LIBRARY, f), encoding="utf-8").read())

HOSTILE = '''
playbook hostile {
  version "1.0.0"  owner "o"  tier auto  controls ["c"]
  summary "</title></svg><script>alert(1)</script> [x](javascript:alert(1)) `| ![i](http://x/)"
  when guardduty.finding as f
  where f.type != "</text><script>\\"]; x [label=\\"|#"
  for r in f.resource.s3BucketDetails {
    if r.name exists {
      do slack.notify("#<b>", "&amp; ${f.type}") else { stop "</script>" }
    } else {
      stop "none"
    }
  }
  record { affected_resource: f.arn }
}
'''


def pbc(*args, cwd=None):
    return run([PBC, *args], cwd=cwd)


class Page(html.parser.HTMLParser):
    """Counts tags; every one that is opened has to be closed in order."""
    VOID = {"meta", "br", "rect", "path", "polygon"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.bad = [], {}, []

    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if any(k.startswith("on") or (v and "javascript:" in v) for k, v in attrs):
            self.bad.append((tag, attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.bad.append(("end", tag))


def edges_hold(text, node, edge):
    nodes = set(re.findall(node, text, re.M))
    ends = re.findall(edge, text, re.M)
    assert nodes and ends, text[:300]
    for a, b in ends:
        assert a in nodes and b in nodes, (a, b)
    # Everything but where things begin is come to from somewhere.
    return nodes - {b for _, b in ends}


def test_mermaid():
    for name in NAMES:
        p = pbc("graph", "--playbook", name, LIBRARY)
        assert p.returncode == 0, p.stderr
        starts = edges_hold(p.stdout, r"^  (n\d+)[\[({]", r"^  (n\d+) -->(?:\|\"[^|]*\"\|)? (n\d+)$")
        assert "n1" in starts and len(starts) <= 2, (name, starts)


def test_dot():
    for name in NAMES:
        p = pbc("graph", "--as", "dot", "--playbook", name, LIBRARY)
        assert p.returncode == 0 and p.stdout.startswith('digraph "%s" {' % name) and p.stdout.rstrip().endswith("}")
        assert "n1" in edges_hold(p.stdout, r"^  (n\d+) \[", r"^  (n\d+) -> (n\d+)")


def test_svg():
    for name in NAMES:
        p = pbc("graph", "--as", "svg", "--playbook", name, LIBRARY)
        assert p.returncode == 0, p.stderr
        root = xml.dom.minidom.parseString(p.stdout).documentElement
        width, height = int(root.getAttribute("width")), int(root.getAttribute("height"))
        for r in root.getElementsByTagName("rect"):
            x, y, w, h = (int(r.getAttribute(k) or 0) for k in ("x", "y", "width", "height"))
            assert 0 <= x and x + w <= width and 0 <= y and y + h <= height, (name, x, y, w, h)
        assert pbc("graph", "--as", "svg", "--playbook", name, LIBRARY).stdout == p.stdout


def test_svg_is_one():
    p = pbc("graph", "--as", "svg", LIBRARY)
    assert p.returncode == 2 and "--playbook NAME" in p.stderr, p.stderr


def test_unknown_playbook():
    p = pbc("graph", "--playbook", "nobody", LIBRARY)
    assert p.returncode == 1 and "there is no playbook nobody here" in p.stderr and not p.stdout, p.stderr


def test_hostile_text():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "hostile.pb")
        with open(path, "w", encoding="utf-8") as f:
            f.write(HOSTILE)
        svg = pbc("graph", "--as", "svg", path)
        assert svg.returncode == 0, svg.stderr
        root = xml.dom.minidom.parseString(svg.stdout).documentElement
        assert not root.getElementsByTagName("script")
        page = pbc("doc", path)
        reader = Page()
        reader.feed(page.stdout)
        assert page.returncode == 0 and "script" not in reader.seen and not reader.bad and not reader.open, (reader.bad, reader.open)
        mermaid = pbc("graph", path).stdout
        assert "<script" not in mermaid and edges_hold(mermaid, r"^  (n\d+)[\[({]", r"^  (n\d+) -->(?:\|\"[^|]*\"\|)? (n\d+)$")
        text = pbc("doc", "--markdown", path).stdout
        outside = re.sub(r"```mermaid\n.*?\n```", "", text, flags=re.S)
        outside = re.sub(r"`[^`\n]*`", "", outside)
        assert "\\<script\\>" in outside and not re.search(r"(?<!\\)[\[\]<>]", outside), outside


def test_deep():
    """A picture of much nesting is measured once, not once a level."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "deep.pb")
        with open(path, "w", encoding="utf-8") as f:
            f.write('playbook deep {\n version "1.0.0" summary "s" owner "o" tier manual controls ["c"]\n when guardduty.finding as f\n')
            f.write("".join('if f.severity >= %d {\n' % i for i in range(60)) + 'do slack.notify("#a", "b")\n' + "}\n" * 60)
            f.write(" record { affected_resource: f.arn }\n}\n")
        p = pbc("graph", "--as", "svg", path)
        assert p.returncode == 0, p.stderr
        assert p.stdout.count("<polygon points") == 61


def test_doc_library():
    p = pbc("doc", LIBRARY)
    reader = Page()
    reader.feed(p.stdout)
    assert p.returncode == 0 and not reader.open and not reader.bad, (reader.open, reader.bad)
    assert reader.seen["svg"] == len(NAMES), reader.seen
    for name in NAMES:
        assert '<h3 id="%s">' % name in p.stdout
    m = pbc("doc", "--markdown", LIBRARY)
    assert m.returncode == 0 and m.stdout.count("```mermaid") == len(NAMES)


def test_doc_wrong_source():
    p = pbc("doc", os.path.join(ROOT, "tests/lang/bad/check_bad_arn.pb"))
    assert p.returncode == 1 and not p.stdout and "error[" in p.stderr


def test_output_file():
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "x.html")
        assert pbc("doc", LIBRARY, "-o", out).returncode == 0 and open(out, encoding="utf-8").read().startswith("<!doctype html>")
        p = pbc("doc", LIBRARY, "-o", os.path.join(d, "no/x.html"))
        assert p.returncode == 1 and "cannot write" in p.stderr


def test_new():
    with tempfile.TemporaryDirectory() as d:
        for event in ("guardduty.finding", "securityhub.finding", "cloudtrail.api_call"):
            name = event.replace(".", "_")
            p = pbc("new", "playbook", name, "--event", event, cwd=d)
            assert p.returncode == 0 and p.stdout == name + ".pb\n", p.stderr
            c = pbc("check", "--deny", "warnings", name + ".pb", cwd=d)
            assert c.returncode == 0, c.stderr
            assert pbc("fmt", "--check", name + ".pb", cwd=d).returncode == 0
        before = open(os.path.join(d, "guardduty_finding.pb"), encoding="utf-8").read()
        p = pbc("new", "playbook", "guardduty_finding", cwd=d)
        assert p.returncode == 1 and "File exists" in p.stderr and open(os.path.join(d, "guardduty_finding.pb"), encoding="utf-8").read() == before
        os.mkdir(os.path.join(d, "playbooks"))
        assert pbc("new", "playbook", "other", cwd=d).stdout == "playbooks/other.pb\n"


def test_new_refuses():
    with tempfile.TemporaryDirectory() as d:
        for args in (["playbook", "9x"], ["playbook", "a/b"], ["playbook", "../x"], ["playbook", "a" * 65], ["playbook"], ["event", "x"], ["playbook", "x", "--event", "no.such"]):
            p = pbc("new", *args, cwd=d)
            assert p.returncode == 2 and p.stderr and not os.listdir(d), (args, p.stderr)


for f in (test_mermaid, test_dot, test_svg, test_svg_is_one, test_unknown_playbook, test_hostile_text, test_deep, test_doc_library, test_doc_wrong_source, test_output_file, test_new, test_new_refuses):
    case(f.__name__[5:].replace("_", " "))(f)
main()
