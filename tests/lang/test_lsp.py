#!/usr/bin/python3
"""The language server: with Microsoft's own protocol library as its client (tests/node/lsp.mjs), and on the bare wire."""
# runs: sanitized
import json
import os
import subprocess
import tempfile

import pbtest
from npm import NODE, install
from pbtest import PBC, case, eq, has, main


def wire(data, timeout=20):
    """Sends bytes, closes; the answers, and the exit status."""
    p = subprocess.run([PBC, "lsp"], input=data, capture_output=True, timeout=timeout, check=False)
    answers, rest = [], p.stdout
    while rest:
        head, _, body = rest.partition(b"\r\n\r\n")
        n = int(head.split(b":")[1])
        answers.append(json.loads(body[:n]))
        rest = body[n:]
    eq(p.stderr, b"")
    return answers, p.returncode


def message(o):
    body = json.dumps(o).encode() if not isinstance(o, bytes) else o
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


INIT = message({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {"general": {"positionEncodings": ["utf-16", "utf-8"]}}}})


@case("a client library's whole session")
def _():
    install()
    with tempfile.TemporaryDirectory() as folder:
        p = subprocess.run(["node", os.path.join(NODE, "lsp.mjs"), PBC, os.path.realpath(folder)], cwd=NODE, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in p.stdout.splitlines() if line.startswith(("ok ", "not ok "))]
    bad = [line for line in lines if line.startswith("not ok")]
    if bad or p.returncode or len(lines) < 20:
        raise AssertionError("; ".join(bad) or p.stdout + p.stderr)
    for line in lines[:-1]:  # one case each in the count; the last is this one
        print(line)


@case("requests before initialize are refused")
def _():
    answers, status = wire(message({"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": {}}))
    eq((answers[0]["error"]["code"], status), (-32002, 1))


@case("an editor that counts bytes gets bytes")
def _():
    answers, _ = wire(INIT)
    eq(answers[0]["result"]["capabilities"]["positionEncoding"], "utf-8")


@case("what is no JSON gets the protocol's error, and the next message is heard")
def _():
    answers, _ = wire(message(b"{ no") + message(b"[1]") + INIT)
    eq([a.get("error", {}).get("code") for a in answers], [-32700, -32700, None])


@case("a header without sense ends the session")
def _():
    for head in (b"Content-Length: x\r\n\r\n{}", b"Content-Length: 99999999999\r\n\r\n", b"\r\n\r\n", b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}", b"A" * 9000, b"Content-Length: -1\r\n\r\n{}"):
        answers, status = wire(INIT + head)
        eq((len(answers), status), (1, 1), head[:30])


@case("an end without shutdown is status 1, with it 0")
def _():
    eq(wire(INIT)[1], 1)
    eq(wire(INIT + message({"jsonrpc": "2.0", "method": "exit"}))[1], 1)
    eq(wire(INIT + message({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}) + message({"jsonrpc": "2.0", "method": "exit"}))[1], 0)


@case("a document that is no file is checked too")
def _():
    text = "playbook p { version \"1\" }"
    opened = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": {"uri": "untitled:1", "languageId": "pb", "version": 1, "text": text}}}
    answers, _ = wire(INIT + message(opened))
    eq(answers[1]["params"]["uri"], "untitled:1")
    assert any("PB" in d["code"] for d in answers[1]["params"]["diagnostics"]), answers[1]


@case("wrong parameters are survived")
def _():
    junk = [None, [], 3, "x", {"textDocument": 3}, {"textDocument": {"uri": 3}}, {"textDocument": {"uri": "file:///x.pb"}, "position": "a"}]
    data = INIT + message({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": {"uri": "file:///nowhere/x.pb", "text": "fn a(): int = 1\n"}}})
    methods = ["hover", "definition", "references", "rename", "completion", "codeAction", "inlayHint", "formatting", "semanticTokens/full", "signatureHelp", "didChange", "didClose"]
    n = 10
    for m in methods:
        for j in junk + [{"textDocument": {"uri": "file:///nowhere/x.pb"}, "position": {"line": -5, "character": 1 << 40}}]:
            n += 1
            data += message({"jsonrpc": "2.0", "id": n, "method": "textDocument/" + m, "params": j})
    answers, _ = wire(data)
    eq(len([a for a in answers if "id" in a]), 1 + len(methods) * (len(junk) + 1))


@case("lsp takes no operand")
def _():
    p = pbtest.run([PBC, "lsp", "x"])
    eq(p.returncode, 2)
    has(p.stderr, "standard input")


main()
