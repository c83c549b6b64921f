"""Random inputs and outputs for botocore's operation models, answers written in AWS's wire formats, and values in a form
that two parsers can be compared in. For the differential tests of the codec; knows botocore, not the codec."""
import base64
import datetime
import json
import re
import sre_constants as sc
import sre_parse
import warnings
from xml.sax.saxutils import escape

UTC = datetime.timezone.utc
warnings.simplefilter("ignore", FutureWarning)  # about other dialects' patterns
WORDS = ["alpha", "i-0abc", "x", "Z9", "a b", "50%", "q&a", "<tag>", "a+b=c", "ключ", "日本", "\"quoted\"", "tab\there", "line\nbreak", "'", "/p/q?r#s", "~.-_", "é"]
PLAIN = ["alpha", "i-0abc", "x", "Z9", "sg-12345678", "arn:aws:iam::123456789012:role/r", "50", "a.b-c_d"]


class Impossible(Exception):
    """The generator cannot make a value for this shape."""


def category(name, rng):
    table = {sc.CATEGORY_DIGIT: "0123456789", sc.CATEGORY_WORD: "abcXYZ019_", sc.CATEGORY_SPACE: " ",
             sc.CATEGORY_NOT_SPACE: "abcZ9-", sc.CATEGORY_NOT_DIGIT: "abc", sc.CATEGORY_NOT_WORD: "-."}
    return rng.choice(table[name])


def pick_in(items, rng):
    if items[0][0] is sc.NEGATE:
        for ch in "aZ5-_.:/ ":
            if not any(in_item(i, ch) for i in items[1:]):
                return ch
        raise Impossible("negated set")
    op, av = rng.choice([i for i in items if i[0] is not sc.LITERAL or i[1] >= 32] or items)
    if op is sc.LITERAL:
        return chr(av)
    if op is sc.RANGE:
        lo, hi = av
        return chr(rng.randint(max(lo, 32), min(hi, 126))) if lo < 127 and hi >= 32 else chr(lo)
    if op is sc.CATEGORY:
        return category(av, rng)
    raise Impossible(str(op))


def in_item(item, ch):
    op, av = item
    if op is sc.LITERAL:
        return av == ord(ch)
    if op is sc.RANGE:
        return av[0] <= ord(ch) <= av[1]
    return re.match({sc.CATEGORY_DIGIT: r"\d", sc.CATEGORY_WORD: r"\w", sc.CATEGORY_SPACE: r"\s"}.get(av, r"\S"), ch) is not None


def from_tree(tree, rng, more=0):
    """A text that a parsed pattern takes; more: repeat what may be repeated more often."""
    out = []
    for op, av in tree:
        if op is sc.LITERAL:
            out.append(chr(av))
        elif op is sc.NOT_LITERAL:
            out.append("a" if av != ord("a") else "b")
        elif op is sc.ANY:
            out.append(rng.choice("abZ9-"))
        elif op is sc.IN:
            out.append(pick_in(av, rng))
        elif op is sc.BRANCH:
            out.append(from_tree(rng.choice(av[1]), rng, more))
        elif op is sc.SUBPATTERN:
            out.append(from_tree(av[3], rng, more))
        elif op in (sc.MAX_REPEAT, sc.MIN_REPEAT, sc.POSSESSIVE_REPEAT):
            lo, hi, sub = av
            hi = min(int(hi) if hi is not sc.MAXREPEAT else lo + 3 + more * more, lo + 3 + more * more)
            out.append("".join(from_tree(sub, rng, more) for _ in range(rng.randint(lo, max(lo, hi)))))
        elif op is sc.AT or op is sc.ASSERT_NOT or op is sc.ASSERT:
            continue
        else:
            raise Impossible(str(op))
    return "".join(out)


PROPERTY = {"L": "a-zA-Z", "M": "", "S": "+", "N": "0-9", "P": "_-", "Z": " ", "Print": "!-~", "Graph": "!-~", "Alpha": "a-zA-Z", "Alnum": "a-zA-Z0-9", "Digit": "0-9",
            "Punct": "_-", "Space": " ", "ASCII": "!-~", "Lu": "A-Z", "Ll": "a-z", "IsLetter": "a-zA-Z", "IsDigit": "0-9", "C": "", "Nd": "0-9", "Zs": " ",
            "XDigit": "0-9a-f", "Upper": "A-Z", "Lower": "a-z", "Sc": "$", "Blank": " "}
POSIX = {"alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "digit": "0-9", "upper": "A-Z", "lower": "a-z", "space": " ", "punct": "_-", "print": "!-~", "graph": "!-~",
         "word": "a-zA-Z0-9_", "xdigit": "0-9a-f", "cntrl": "", "blank": " "}


def for_python(pattern):
    """A Java pattern with some of its dialect said as Python's re knows it: it may take less than the original, never more."""
    out, i, inside = [], 0, False
    while i < len(pattern):
        m = re.compile(r"\\[pP]\{?(?:Is)?(\w+)\}?").match(pattern, i) or re.compile(r"\[:(\w+):\]").match(pattern, i)
        if m and (pattern[i] == "\\" or inside):
            known = (PROPERTY if pattern[i] == "\\" else POSIX).get(m.group(1), "a-z")
            known = "0-9" if pattern[i:i + 2] == "\\P" and "a-z" in known else "a-z" if pattern[i:i + 2] == "\\P" else known
            known = known.replace("-", "\\-") if known == "_-" else known
            out.append(known if inside else "[%s]" % (known or "a"))
            i = m.end()
            continue
        if pattern[i] == "\\":
            out.append(pattern[i:i + 2])
            i += 2
            continue
        if inside and pattern[i] == "[":
            out.append("\\[")
        else:
            out.append(pattern[i])
        if pattern[i] == "[" and not inside:
            inside = True
            if pattern[i + 1:i + 2] == "^":
                out.append("^")
                i += 1
            if pattern[i + 1:i + 2] == "]":
                out.append("\\]")
                i += 1
        elif pattern[i] == "]" and inside:
            inside = False
        i += 1
    text = "".join(out)
    text = re.sub(r"\\u[dD][89a-fA-F]\w\w(-\\u[dD][89a-fA-F]\w\w)?|\\uDBFF|\\x\{\w+\}-\\x\{\w+\}", "", text).replace("\\u0020-\\uE000-", "\\u0020-~\\uE000-").replace("\\u0020-\\uFFFD", " -\\uFFFD")
    return text.replace("\\Z", "$").replace("\\z", "$").replace("+{1,256}", "{1,256}").replace("*+", "*").replace("++", "+").replace("?+", "?")


# Texts for the few patterns that are beyond the generator, by how the pattern begins.
BY_HAND = {
    r"^[\w-.+]+@": "a.b@example.com", r"^arn:(?=[^:]+:fsx:": "arn:aws:fsx:us-east-1:123456789012:file-system/fs-0123456789abcdef0",
    r"^arn:aws:gamesparks:": "arn:aws:gamesparks:us-east-1:123456789012:game/a", r"(?!(?i)(arn|aws):)": "name", r"[^\p{C}]+": "abc",
    r"^((`[\w\- ]+`)": "abc", r"^arn:aws(-[a-z]{1,3}){0,2}:rbin:": "arn:aws:rbin:us-east-1:123456789012:rule/0123456789a",
    r"-{5}BEGIN CERTIFICATE-{5}": "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----", }
TREES = {}  # of patterns


def tree_of(pattern):
    if pattern not in TREES:
        TREES[pattern] = None
        for text in (pattern if "[:" not in pattern else None, for_python(pattern)):
            try:
                TREES[pattern] = sre_parse.parse(text), re.compile(text)
                break
            except Exception:  # a pattern of another dialect
                continue
    return TREES[pattern]


ODD = ["", " ", "ключ ß 日本 😀", "a/b c?d=e&f#g%20+h;i", "\"'<>&\\", "..", "{label}", "x" * 300, "line\r\nbreak", "\u00a0\u2028", "%", "null", "0"]
ODD_TIMES = [0, 1, 1709208000, 2147483648, 4102444800, 253402300799]
ODD_INTS = [0, 1, -1, 2 ** 31 - 1, -2 ** 31, 255]
ODD_LONGS = ODD_INTS + [2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63]
ODD_FLOATS = [0.0, 0.1, -1.5, 1e21, 1e-7, 123456789.125, 3.0, 1.7976931348623157e308]


class Maker:
    """Random values for shapes. fit: keep to lengths, ranges and patterns. style: "random"; "least", only what is required, and as little of
    it as there may be; "full", every member, nothing empty; "odd", the values that break writers: empty ones, other scripts, reserved
    characters, the largest numbers, the first and the last times."""

    def __init__(self, rng, fit=True, style="random"):
        self.rng, self.fit, self.style = rng, fit, style

    def odd(self, values, low, high):
        fitting = [v for v in values if low <= v <= high]
        return self.rng.choice(fitting or [low])

    def string(self, shape, place):
        rng, meta = self.rng, shape.metadata
        if meta.get("enum"):
            return rng.choice(meta["enum"])
        low, high = (meta.get("min", 0), meta.get("max", 1 << 30)) if self.fit else (0, 1 << 30)
        if place == "label":
            low = max(low, 1)
        if self.fit and meta.get("pattern"):
            return self.matching(meta["pattern"], low, high)
        if place == "host":
            return "host-1"
        if self.style == "odd" and place in ("body", "query"):
            fitting = [t for t in ODD if low <= len(t) <= high]
            if fitting:
                return rng.choice(fitting)
        if self.style == "odd" and place == "label":
            fitting = [t for t in ODD[2:6] + ["a/b", "a b", "*~"] if low <= len(t) <= high]
            if fitting:
                return rng.choice(fitting)
        text = rng.choice(PLAIN if place in ("header", "label") else WORDS)
        while len(text) < low:
            text += rng.choice("abc-0")
        if high < len(text):
            text = re.sub(r"[^ -~]", "x", text)[:max(high, 0)]
        return text

    def matching(self, pattern, low, high):
        for start, text in BY_HAND.items():
            if pattern.startswith(start) and low <= len(text) <= high:
                return text
        known = tree_of(pattern)
        if not known:
            raise Impossible(pattern)
        for k in range(200):
            text = from_tree(known[0], self.rng, k // 20)
            while len(text) < low and known[1].fullmatch(text + "a"):
                text += "a"
            if low <= len(text) <= high and known[1].fullmatch(text) and text.strip() == text and text.isprintable():
                return text
        raise Impossible(pattern)

    def value(self, shape, depth=0, place="body", parents=()):
        rng, meta, kind = self.rng, shape.metadata, shape.type_name
        if shape.serialization.get("jsonvalue") and place == "header":
            return {"k": [1, "two", None, True]}
        if kind == "structure":
            return self.structure(shape, depth, parents)
        if kind == "list":
            return self.list(shape, depth, place, parents)
        if kind == "map":
            return self.map(shape, depth, place, parents)
        if kind in ("string", "character"):
            return self.string(shape, place)
        if kind in ("integer", "long"):
            if self.style == "odd":
                odd = ODD_LONGS if kind == "long" else ODD_INTS
                return self.odd(odd, *((meta.get("min", min(odd)), meta.get("max", max(odd))) if self.fit else (min(odd), max(odd))))
            low, high = meta.get("min", -5), meta.get("max", 1 << 30)
            return rng.randint(int(low), int(min(max(low, high), low + 1000)))
        if kind in ("float", "double"):
            if self.style == "odd":
                return float(self.odd(ODD_FLOATS[:-1] if kind == "float" else ODD_FLOATS, meta.get("min", -2.0), meta.get("max", 1.8e308)))
            low, high = meta.get("min", -5), meta.get("max", 100)
            return float(round(low + (high - low) * rng.random(), 3)) if high - low > 1 else float(low)
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "timestamp" and self.style == "odd":
            return datetime.datetime.fromtimestamp(rng.choice(ODD_TIMES), UTC)
        if kind == "timestamp":
            return datetime.datetime.fromtimestamp(rng.randint(0, 2 * 10 ** 9), UTC)
        if kind == "blob":
            low = meta.get("min", 0) if self.fit else 0
            if self.style == "odd":
                return rng.choice([bytes(low), bytes(range(256)) if meta.get("max", 256) >= 256 else bytes(low), b"\0\xff\xfe" + bytes(low)])
            return bytes(rng.randrange(256) for _ in range(rng.randint(low, low + 12)))
        raise Impossible(kind)

    def structure(self, shape, depth, parents):
        rng = self.rng
        if shape.is_document_type:
            return {"a": [1, 2.5, "x"], "b": {"c": None}, "d": True}
        if depth > 12:
            raise Impossible("deep")
        required = set(shape.metadata.get("required", []))
        names = list(shape.members)
        chance = {"least": 0, "full": 1 if depth < 2 else 1.2 / depth, "odd": 0.9 if depth < 2 else 0.6 / depth}.get(self.style, 0.8 if depth == 0 else 0.5 / depth)
        if shape.is_tagged_union:
            names = [rng.choice(names)] if names else []
            required = set(names)
        out = {}
        rng.shuffle(names)
        for name in names:
            member = shape.members[name]
            token = member.metadata.get("idempotencyToken")
            if name == "SourceRegion" and name not in required:
                continue  # botocore's own addition to rds and its like: it signs a second request for it
            if name not in required and not token and (rng.random() > chance or member.name in parents):
                continue
            location = member.serialization.get("location")
            place = {"uri": "label", "header": "header", "headers": "header", "querystring": "query"}.get(location, "body")
            if member.serialization.get("hostLabel"):
                place = "host"
            try:
                out[name] = self.value(member, depth + 1, place, parents + (shape.name,))
            except Impossible:
                if name in required:
                    raise
        return out

    def count(self, low, high):
        if self.style == "least" or self.style == "odd" and self.rng.random() < 0.4:
            return low
        return self.rng.randint(min(max(low, int(self.style == "full")), high), min(high, low + 2))

    def list(self, shape, depth, place, parents):
        meta = shape.metadata
        low, high = (meta.get("min", 0), meta.get("max", 3)) if self.fit else (0, 3)
        if low > 50:
            raise Impossible("long list")
        n = self.count(low, max(low, high))
        if shape.member.name in parents and low == 0:
            n = 0
        return [self.value(shape.member, depth + 1, place, parents + (shape.name,)) for _ in range(n)]

    def map(self, shape, depth, place, parents):
        meta = shape.metadata
        low, high = (meta.get("min", 0), meta.get("max", 3)) if self.fit else (0, 3)
        n = self.count(low, max(low, high))
        if shape.value.name in parents and low == 0:
            n = 0
        out = {}
        for _ in range(n):
            key = self.value(shape.key, depth + 1, place, parents + (shape.name,))
            out[re.sub("[^a-z0-9-]", "", key.lower()) or "k" if place == "header" else key] = self.value(shape.value, depth + 1, place, parents + (shape.name,))
        return out


# ---- values to compare ----

def tagged(v):
    """The driver's spelling: times and bytes with a tag."""
    if isinstance(v, datetime.datetime):
        return {"$time": round(v.timestamp() * 1000)}
    if isinstance(v, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(v).decode()}
    if isinstance(v, dict):
        return {k: tagged(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [tagged(x) for x in v]
    return v


def pruned(v):
    """Without what some protocols cannot send: empty lists, maps and structures."""
    if isinstance(v, dict):
        out = {k: pruned(x) for k, x in v.items()}
        return {k: x for k, x in out.items() if x not in ({}, [], None)}
    if isinstance(v, list):
        return [pruned(x) for x in v]
    return v


# ---- answers, written independently of the codec ----

def stamp(t, form):
    if form == "rfc822":
        return t.strftime("%a, %d %b %Y %H:%M:%S GMT")
    if form == "unixTimestamp":
        return int(t.timestamp())
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def scalar(shape, v, default):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, datetime.datetime):
        return str(stamp(v, shape.serialization.get("timestampFormat", default)))
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    return str(v)


def xml_name(member, name):
    if member.type_name == "list" and member.serialization.get("flattened") and member.member.serialization.get("name"):
        return member.member.serialization["name"]
    return member.serialization.get("name", name)


def xml_members(shape, v, rng):
    out = []
    for name, x in v.items():
        member = shape.members[name]
        if member.serialization.get("location") or member.serialization.get("xmlAttribute"):
            continue
        out.append(xml_element(member, xml_name(member, name), x, rng))
    if rng.random() < 0.3 and not shape.is_tagged_union:
        out.insert(rng.randint(0, len(out)), "<brandNew><inside>1</inside></brandNew>\n  <!-- why not -->")
    return "\n".join(out) if rng.random() < 0.3 else "".join(out)


def xml_element(shape, name, v, rng):
    flat = shape.serialization.get("flattened")
    if shape.type_name == "structure":
        attrs = "".join(' xmlns:q="urn:q" q:%s="%s"' % (m.serialization["name"].split(":")[-1], escape(v[n], {'"': "&quot;"}))
                        for n, m in shape.members.items() if m.serialization.get("xmlAttribute") and n in v)
        return "<%s%s>%s</%s>" % (name, attrs, xml_members(shape, v, rng), name)
    if shape.type_name == "list":
        item = name if flat else shape.member.serialization.get("name", "member")
        inner = "".join(xml_element(shape.member, item, x, rng) for x in v)
        return inner if flat else "<%s>%s</%s>" % (name, inner, name)
    if shape.type_name == "map":
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        entries = ["%s%s" % (xml_element(shape.key, key, k, rng), xml_element(shape.value, value, x, rng)) for k, x in v.items()]
        if flat:
            return "".join("<%s>%s</%s>" % (name, e, name) for e in entries)
        return "<%s>%s</%s>" % (name, "".join("<entry>%s</entry>" % e for e in entries), name)
    text = escape(scalar(shape, v, "iso8601"))
    if rng.random() < 0.2 and "<" not in text and "&" not in text and text:
        text = "<![CDATA[%s]]>" % text
    return "<%s>%s</%s>" % (name, text, name)


def json_value(shape, v, rng):
    if v is None or shape.type_name == "structure" and shape.is_document_type:
        return v
    if shape.type_name == "structure":
        out = {shape.members[n].serialization.get("name", n): json_value(shape.members[n], x, rng) for n, x in v.items()}
        if rng.random() < 0.3 and not shape.is_tagged_union:
            out["brandNew"] = {"a": [1]}
            for n, m in shape.members.items():
                if n not in v:
                    out[m.serialization.get("name", n)] = None
        return out
    if shape.type_name == "list":
        return [json_value(shape.member, x, rng) for x in v]
    if shape.type_name == "map":
        return {k: json_value(shape.value, x, rng) for k, x in v.items()}
    if isinstance(v, datetime.datetime):
        return stamp(v, shape.serialization.get("timestampFormat", "unixTimestamp"))
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    return v


def answer(model, op, v, rng):
    """(status, headers, body) of a success with the output v."""
    protocol, shape = model.metadata["protocol"], op.output_shape
    headers, status = {"x-amzn-requestid": "req-1"}, 200
    if protocol in ("query", "ec2"):
        inner = xml_members(shape, v, rng) if shape else ""
        if shape and shape.serialization.get("resultWrapper"):
            inner = "<%s>%s</%s>" % (shape.serialization["resultWrapper"], inner, shape.serialization["resultWrapper"])
        tail = "<requestId>req-1</requestId>" if protocol == "ec2" else "<ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata>"
        return status, headers, ('<?xml version="1.0"?>\n<%sResponse xmlns="urn:x">%s%s</%sResponse>' % (op.name, inner, tail, op.name)).encode()
    if protocol == "json":
        return status, headers, json.dumps(json_value(shape, v, rng)).encode() if shape else b""
    if not shape:
        return status, headers, b""
    body_values = {}
    for name, x in v.items():
        member = shape.members[name]
        where, key = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "statusCode":
            status = 200
        elif where == "headers":
            headers.update({key + k: y for k, y in x.items()})
        elif where == "header":
            if member.serialization.get("jsonvalue"):
                headers[key] = base64.b64encode(json.dumps(x).encode()).decode()
            elif member.type_name == "list":
                if x:
                    headers[key] = ",".join(scalar(member.member, y, "rfc822") for y in x)
            else:
                headers[key] = scalar(member, x, "rfc822")
        else:
            body_values[name] = x
    payload = shape.serialization.get("payload")
    if payload:
        member = shape.members[payload]
        if payload not in v:
            return status, headers, b""
        if member.type_name == "blob":
            return status, headers, v[payload]
        if member.type_name == "string":
            return status, headers, v[payload].encode()
        if protocol == "rest-json":
            return status, headers, json.dumps(json_value(member, v[payload], rng)).encode()
        return status, headers, xml_element(member, member.serialization.get("name", payload), v[payload], rng).encode()
    if protocol == "rest-json":
        return status, headers, json.dumps(json_value(shape, body_values, rng)).encode()
    return status, headers, ("<Root>%s</Root>" % xml_members(shape, body_values, rng)).encode()
