#!/usr/bin/python3
"""Writes the editors' grammars out of the compiler's own tables: the keywords of lang/parser.y, the built-in functions of
lang/builtins.def, the plain types of lang/check_decl.c. What is in the repository has to be what this writes: with --check
nothing is written, and the exit status is 1 when a file differs (the test suite and CI ask so).

A keyword that the parser has and the table below does not is an error: who adds one says here what kind of word it is."""
import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# What kind of word each keyword of the parser is, for colours.
KINDS = {
    "declaration": "playbook import fn param type event action extern guard test site",
    "statement": "let where do if else for parallel record stop fail return verify on approve wait authorize failure undo denied expired "
                 "until within timeout retry when code via by quorum escalate to after because region given expect with times no crash fault "
                 "deny unless authorized schema resources per",
    "operator": "and or not in like matches exists as any all",
    "constant": "none true false",
    "header": "dedupe limit",
}
# Words that are names to the parser and mean something by where they stand.
HEADER = ["version", "summary", "owner", "tier", "controls", "concurrency"]
EFFECTS = ["pure", "read", "notify", "contain", "destroy"]
TIERS = ["auto", "approve", "manual"]
GENERATED = "Written by editors/gen.py out of lang/parser.y and lang/builtins.def. Do not edit."


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def tables():
    """{kind: [words]}, checked against the parser."""
    of = {w: kind for kind, words in KINDS.items() for w in words.split()}
    parser = read("lang/parser.y")
    tokens = set()
    for line in re.findall(r"^%token <name> (.*)$", parser, re.M):
        for word in re.findall(r'"`([a-z ]+)`"', line):
            tokens |= set(word.split())  # `in account` is two words
    tokens.discard("account")
    missing, gone = sorted(tokens - set(of)), sorted(set(of) - tokens)
    if missing or gone:
        sys.exit("editors/gen.py: lang/parser.y has keywords that KINDS lacks: %s; KINDS has words that are no keywords: %s" % (missing, gone))
    t = {kind: words.split() for kind, words in KINDS.items()}
    t["header"] = t["header"] + HEADER
    t["builtin"] = sorted(set(re.findall(r'^BUILTIN\(\w+,\s*"(\w+)"', read("lang/builtins.def"), re.M)))
    t["type"] = re.findall(r'\{"(\w+)", TYPE_\w+\}', re.search(r"plain_types\[\] = \{(.*?)\};", read("lang/check_decl.c"), re.S).group(1)) + ["list", "map"]
    t["effect"], t["tier"] = EFFECTS, TIERS
    return t


def words(list_):
    return "|".join(sorted(list_, key=lambda w: (-len(w), w)))


def textmate(t):
    number = r"\b[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|B|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)?\b"
    code = [{"include": "#" + n} for n in ("comment", "long-string", "string", "number", "aws", "declaration", "header", "member", "call", "word")]
    escape = {"name": "constant.character.escape.pb", "match": r'\\(?:u\{[0-9A-Fa-f]+\}|.)'}
    inside = {"name": "meta.interpolation.pb", "begin": r"\$\{", "end": r"\}", "beginCaptures": {"0": {"name": "punctuation.section.interpolation.begin.pb"}},
              "endCaptures": {"0": {"name": "punctuation.section.interpolation.end.pb"}}, "patterns": [{"include": "#braces"}, {"include": "#code"}]}
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": GENERATED, "name": "Playbook", "scopeName": "source.pb", "fileTypes": ["pb"],
        "patterns": [{"include": "#code"}],
        "repository": {
            "code": {"patterns": code},
            "braces": {"begin": r"\{", "end": r"\}", "patterns": [{"include": "#braces"}, {"include": "#code"}]},
            "comment": {"patterns": [
                {"match": r"(#\s*pbc:\s*)(allow|survives)\b(.*)$", "name": "comment.line.number-sign.pb", "captures": {"2": {"name": "keyword.other.directive.pb"}}},
                {"match": r"#.*$", "name": "comment.line.number-sign.pb"}]},
            "long-string": {"name": "string.quoted.triple.pb", "begin": '"""', "end": '"""', "patterns": [escape, inside]},
            "string": {"name": "string.quoted.double.pb", "begin": '"', "end": '"|$', "patterns": [escape, inside]},
            "number": {"name": "constant.numeric.pb", "match": number},
            "aws": {"match": r"\b(aws)\.(\w+)\.(?:(wait)\.)?(\w+)", "captures": {"1": {"name": "support.class.aws.pb"}, "2": {"name": "entity.name.namespace.pb"}, "3": {"name": "keyword.control.pb"}, "4": {"name": "support.function.aws.pb"}}},
            "declaration": {"match": r"\b(%s)\s+(?=[A-Za-z_])((?:\w+\.)*\w+)(?=\s*[({:=\n]|\s+for\b)" % words(set(t["declaration"]) - {"import", "extern", "test"}),
                            "captures": {"1": {"name": "keyword.declaration.pb"}, "2": {"name": "entity.name.function.pb"}}},
            "header": {"match": r"^\s*(%s)(?=\s+[\"\[\w])(?!\s*[.:=(])" % words(t["header"]), "captures": {"1": {"name": "support.type.property-name.pb"}}},
            "member": {"match": r"(\??\.)(\w+)(?!\s*\()", "captures": {"1": {"name": "punctuation.accessor.pb"}, "2": {"name": "variable.other.member.pb"}}},
            "call": {"match": r"\b(?!(?:%s)\b)((?:\w+\.)*\w+)(?=\()" % words(t["operator"] + t["statement"]), "captures": {"1": {"name": "entity.name.function.call.pb"}}},
            "word": {"patterns": [
                {"match": r"\b(\w+)(?=\s*:)", "name": "variable.parameter.pb"},
                {"match": r"\b(?:%s)\b" % words(t["declaration"]), "name": "keyword.declaration.pb"},
                {"match": r"\b(?:%s)\b" % words(t["statement"]), "name": "keyword.control.pb"},
                {"match": r"\b(?:%s)\b" % words(t["operator"]), "name": "keyword.operator.word.pb"},
                {"match": r"\b(?:%s)\b" % words(t["constant"]), "name": "constant.language.pb"},
                {"match": r"\b(?:%s)\b" % words(t["effect"]), "name": "storage.modifier.effect.pb"},
                {"match": r"\b(?:%s)\b" % words(t["tier"]), "name": "constant.language.tier.pb"},
                {"match": r"\b(?:%s)\b" % words(t["type"]), "name": "storage.type.pb"},
                {"match": r"\b(?:run|error)\b", "name": "variable.language.pb"},
                {"match": r"==|!=|<=|>=|\?\?|[<>=+\-*/%]", "name": "keyword.operator.pb"}]},
        },
    }


def vim(t):
    lines = ['" ' + GENERATED, '" Vim syntax of playbooks (.pb).', "if exists('b:current_syntax')", "  finish", "endif", ""]
    for group, kind in (("pbDeclaration", "declaration"), ("pbStatement", "statement"), ("pbOperator", "operator"), ("pbConstant", "constant"), ("pbType", "type"), ("pbEffect", "effect"), ("pbHeader", "header")):
        lines.append("syntax keyword %s %s" % (group, " ".join(t[kind])))
    lines += [
        "syntax keyword pbBuiltin contained " + " ".join(t["builtin"]),
        r"syntax match pbCall /\<\h\w*\ze(/ contains=pbBuiltin,pbOperator,pbStatement",
        r"syntax match pbMember /\.\@<=\h\w*\>\ze\_s*[^(]/",
        r"syntax match pbKey /\<\h\w*\>\ze\s*:/",
        r"syntax match pbAws /\<aws\.\w\+\.\w\+/",
        r"syntax match pbNumber /\<\d\+\(\.\d\+\)\?\(ms\|s\|m\|h\|d\|[KMGTP]\?B\|[KMGTP]iB\)\?\>/",
        r"syntax match pbEscape /\\\(u{\x\+}\|.\)/ contained",
        r"syntax region pbInterpolation matchgroup=pbDelimiter start=/\${/ end=/}/ contained contains=TOP",
        r'syntax region pbString start=/"/ end=/"\|$/ contains=pbEscape,pbInterpolation',
        r'syntax region pbString start=/"""/ end=/"""/ contains=pbEscape,pbInterpolation keepend',
        r"syntax match pbComment /#.*$/ contains=pbDirective,@Spell",
        r"syntax match pbDirective /#\s*pbc:\s*\zs\(allow\|survives\)/ contained", ""]
    for group, to in (("Declaration", "Keyword"), ("Statement", "Statement"), ("Operator", "Operator"), ("Constant", "Constant"), ("Type", "Type"), ("Effect", "StorageClass"),
                      ("Header", "PreProc"), ("Builtin", "Function"), ("Call", "Function"), ("Member", "Identifier"), ("Key", "Identifier"), ("Aws", "Special"), ("Number", "Number"),
                      ("Escape", "SpecialChar"), ("Delimiter", "Delimiter"), ("String", "String"), ("Comment", "Comment"), ("Directive", "Todo")):
        lines.append("highlight default link pb%s %s" % (group, to))
    return "\n".join(lines + ["", "let b:current_syntax = 'pb'", ""])


def emacs(t):
    def list_(name, words_, doc):
        return "(defconst pb-%s\n  '(%s)\n  \"%s\")\n" % (name, " ".join('"%s"' % w for w in words_), doc)
    return (";;; pb-words.el --- Words of the playbook language -*- lexical-binding: t -*-\n\n;;; Commentary:\n;; %s\n\n;;; Code:\n\n" % GENERATED
            + list_("declaration-words", t["declaration"], "What a declaration begins with.") + "\n"
            + list_("statement-words", t["statement"], "What statements and their clauses begin with.") + "\n"
            + list_("operator-words", t["operator"], "Operators that are words.") + "\n"
            + list_("constant-words", t["constant"], "Constants.") + "\n"
            + list_("header-words", t["header"], "Fields of a playbook's header.") + "\n"
            + list_("type-words", t["type"], "Plain types.") + "\n"
            + list_("effect-words", t["effect"], "What an action may do.") + "\n"
            + list_("builtin-words", t["builtin"], "Built-in functions and methods.") + "\n(provide 'pb-words)\n;;; pb-words.el ends here\n")


def lezer(t):
    # Contextual keywords are names to this grammar; the highlighter tells them by the list.
    return "// %s\nexport const words = %s;\n" % (GENERATED, json.dumps({k: sorted(v) for k, v in sorted(t.items())}, indent=2))


def outputs():
    t = tables()
    return {
        "vscode/syntaxes/pb.tmLanguage.json": json.dumps(textmate(t), indent=2) + "\n",
        "vim/syntax/pb.vim": vim(t),
        "emacs/pb-words.el": emacs(t),
        "lezer/words.js": lezer(t),
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--check", action="store_true", help="write nothing; 1 when a file is not what would be written")
    o = p.parse_args()
    stale = []
    for name, text in outputs().items():
        path = os.path.join(HERE, name)
        try:
            with open(path, encoding="utf-8") as f:
                same = f.read() == text
        except OSError:
            same = False
        if not same and not o.check:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        if not same:
            stale.append(name)
    for name in stale:
        print("%s: %s" % ("stale, run editors/gen.py" if o.check else "written", name))
    return 1 if o.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
