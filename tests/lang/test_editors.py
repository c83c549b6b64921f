#!/usr/bin/python3
"""What editors are given: grammars that are what the compiler's tables say, and that do what they should in the editors' own engines
(vscode-textmate, Lezer, Vim, Emacs), an extension that can be packed."""
# speed: slow
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile

from npm import NODE, install
from pbtest import PBC, ROOT, Skip, case, eq, has, main, run

EDITORS = os.path.join(ROOT, "editors")


def sources(folder):
    """All .pb files, and the examples of the reference as files."""
    files = sorted(f for f in glob.glob(os.path.join(ROOT, "stdlib", "**", "*.pb"), recursive=True) + glob.glob(os.path.join(ROOT, "playbooks", "*.pb")) + glob.glob(os.path.join(ROOT, "tests/lang/good", "*.pb")))
    with open(os.path.join(ROOT, "lang/REFERENCE.md"), encoding="utf-8") as f:
        for i, text in enumerate(re.findall(r"^```pb\n(.*?)^```", f.read(), re.M | re.S)):
            files.append(os.path.join(folder, "example%d.pb" % i))
            with open(files[-1], "w", encoding="utf-8") as out:
                out.write(text)
    return files


@case("the grammars are what the compiler's tables say")
def _():
    p = run(["/usr/bin/python3", os.path.join(EDITORS, "gen.py"), "--check"])
    eq((p.returncode, p.stdout), (0, ""))


@case("vscode-textmate, Lezer and the extension")
def _():
    install()
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run(["node", "editors.mjs", EDITORS, *sources(d)], cwd=NODE, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in p.stdout.splitlines() if line.startswith(("ok ", "not ok "))]
    bad = [line for line in lines if line.startswith("not ok")]
    if bad or p.returncode or len(lines) < 7:
        raise AssertionError("; ".join(bad) or p.stdout + p.stderr)
    for line in lines[:-1]:
        print(line)


@case("vsce packs the extension with all that it needs")
def _():
    install()
    with tempfile.TemporaryDirectory() as d:
        ext = os.path.join(d, "vscode")
        shutil.copytree(os.path.join(EDITORS, "vscode"), ext, ignore=shutil.ignore_patterns("node_modules", "*.vsix"))
        p = run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=ext, timeout=120)
        if p.returncode != 0:
            raise Skip("npm cannot install the extension's packages here (offline?)")
        out = os.path.join(d, "x.vsix")
        p = run([os.path.join(NODE, "node_modules/.bin/vsce"), "package", "--allow-missing-repository", "-o", out], cwd=ext, timeout=120)
        eq(p.returncode, 0, p.stdout + p.stderr)
        with zipfile.ZipFile(out) as z:
            names = z.namelist()
            manifest = json.loads(z.read("extension/package.json"))
    for name in ("extension.js", "syntaxes/pb.tmLanguage.json", "snippets/pb.json", "language-configuration.json", "node_modules/vscode-languageclient/package.json"):
        assert "extension/" + name in names, name
    eq(manifest["contributes"]["languages"][0]["extensions"], [".pb"])


@case("snippets are playbooks when filled in")
def _():
    with open(os.path.join(EDITORS, "vscode/snippets/pb.json"), encoding="utf-8") as f:
        snippets = json.load(f)

    def filled(name):
        text = "\n".join(snippets[name]["body"])
        for _ in range(4):  # placeholders in placeholders
            text = re.sub(r"\$\{\d+\|([^,|]*)[^|]*\|\}", r"\1", text)
            text = re.sub(r"\$\{\d+:([^${}]*)\}", r"\1", text)
        return re.sub(r"\$\d+", "", text)
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "x.pb")
        with open(path, "w", encoding="utf-8") as f:
            f.write(filled("A playbook") + "\n")
        p = run([PBC, "check", path])
        eq(p.returncode, 0, p.stderr)


VIM = r"""
set nocompatible
let &runtimepath = $PB_EDITOR . '/vim,' . &runtimepath
filetype plugin indent on
syntax on
edit $PB_FILE
function! At(text)
  call cursor(1, 1)
  call search('\V' . a:text, 'cW')
  return synIDattr(synID(line('.'), col('.'), 1), 'name')
endfunction
let out = [&filetype, At('playbook '), At('"Snap'), At('where'), At('# Malware'), At('${run'), At('2m'), At('like')]
call writefile(out, $PB_OUT)
normal! gg=G
write! $PB_INDENTED
qall!
"""


@case("Vim: file type, colours, indentation as pbc fmt has it")
def _():
    if not shutil.which("vim"):
        raise Skip("no vim here")
    with tempfile.TemporaryDirectory() as d:
        script, out, indented, source = (os.path.join(d, n) for n in ("s.vim", "out", "indented.pb", "q.pb"))
        with open(os.path.join(ROOT, "playbooks/quarantine_instance.pb"), encoding="utf-8") as f:
            text = f.read()
        with open(source, "w", encoding="utf-8") as f:
            f.write("\n".join(line.lstrip() for line in text.split("\n")))
        with open(script, "w", encoding="utf-8") as f:
            f.write(VIM)
        env = {"PB_EDITOR": EDITORS, "PB_FILE": source, "PB_OUT": out, "PB_INDENTED": indented, "TERM": "xterm", "HOME": d}
        run(["vim", "-u", "NONE", "-i", "NONE", "-n", "-es", "-S", script], env=env, stdin="")
        if not os.path.exists(out):
            raise Skip("this vim has no syntax support")
        with open(out, encoding="utf-8") as f:
            got = f.read().split()
        if got[1:2] == [] or got[0] != "pb" and not run(["vim", "--version"]).stdout.count("+syntax"):
            raise Skip("this vim has no syntax support")
        eq(got[:3], ["pb", "pbDeclaration", "pbString"])
        eq(got[3:], ["pbStatement", "pbComment", "pbDelimiter", "pbNumber", "pbOperator"])
        with open(indented, encoding="utf-8") as f:
            again = f.read()
    wrong = [(a, b) for a, b in zip(text.split("\n"), again.split("\n")) if a != b and not a.lstrip().startswith(("within", "else"))]
    eq(wrong, [])


EMACS = """
(progn
  (require 'bytecomp)
  (add-to-list 'load-path (getenv "PB_EDITOR"))
  (setq byte-compile-error-on-warn t)
  (dolist (f '("pb-words.el" "pb-mode.el"))
    (let ((byte-compile-dest-file-function (lambda (x) (expand-file-name (concat (file-name-nondirectory x) "c") (getenv "PB_TMP")))))
      (unless (byte-compile-file (expand-file-name f (getenv "PB_EDITOR"))) (error "%s does not compile without warnings" f))))
  (require 'pb-mode)
  (find-file (getenv "PB_FILE"))
  (font-lock-ensure)
  (princ (format "%s\\n" major-mode))
  (dolist (s '("playbook" "\\"Snap" "where" "# Malware" "type like"))
    (goto-char (point-min)) (search-forward s)
    (princ (format "%s\\n" (get-text-property (1- (match-end 0)) 'face))))
  (indent-region (point-min) (point-max))
  (write-region (point-min) (point-max) (getenv "PB_INDENTED")))
"""


@case("Emacs: compiles without warnings, colours, indentation as pbc fmt has it")
def _():
    if not shutil.which("emacs"):
        raise Skip("no emacs here")
    with tempfile.TemporaryDirectory() as d:
        source, indented = os.path.join(d, "q.pb"), os.path.join(d, "indented.pb")
        with open(os.path.join(ROOT, "playbooks/quarantine_instance.pb"), encoding="utf-8") as f:
            text = f.read()
        with open(source, "w", encoding="utf-8") as f:
            f.write("\n".join(line.lstrip() for line in text.split("\n")))
        env = {"PB_EDITOR": os.path.join(EDITORS, "emacs"), "PB_FILE": source, "PB_INDENTED": indented, "PB_TMP": d, "HOME": d}
        p = run(["emacs", "-Q", "--batch", "--eval", EMACS], env=env)
        eq(p.returncode, 0, p.stderr)
        eq(p.stdout.split()[:6], ["pb-mode", "font-lock-keyword-face", "font-lock-string-face", "font-lock-keyword-face", "font-lock-comment-face", "font-lock-keyword-face"])
        with open(indented, encoding="utf-8") as f:
            again = f.read()
    wrong = [(a, b) for a, b in zip(text.split("\n"), again.split("\n")) if a != b and not a.lstrip().startswith(("within", "else"))]
    eq(wrong, [])


@case("the README of editors names what is there")
def _():
    with open(os.path.join(EDITORS, "README.md"), encoding="utf-8") as f:
        text = f.read()
    for folder in ("vscode", "vim", "emacs", "lezer"):
        has(text, folder + "/")


main()
