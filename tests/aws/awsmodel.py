"""Random inputs and outputs for botocore's operation models, answers written in AWS's wire formats, and values in a form
that two parsers can be compared in. For the differential tests of the codec; knows botocore, not the codec."""
import base64
import datetime
import json
import random
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
    op, av = rng.choice(items)
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


def from_tree(tree, rng):
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
            out.append(from_tree(rng.choice(av[1]), rng))
        elif op is sc.SUBPATTERN:
            out.append(from_tree(av[3], rng))
        elif op in (sc.MAX_REPEAT, sc.MIN_REPEAT):
            lo, hi, sub = av
            hi = min(int(hi) if hi is not sc.MAXREPEAT else lo + 3, lo + 3)
            out.append("".join(from_tree(sub, rng) for _ in range(rng.randint(lo, max(lo, hi)))))
        elif op is sc.AT or op is sc.ASSERT_NOT or op is sc.ASSERT:
            continue
        else:
            raise Impossible(str(op))
    return "".join(out)


class Maker:
    """Random values for shapes. fit: keep to lengths, ranges and patterns. plain: only characters that every place takes."""

    def __init__(self, rng, fit=True):
        self.rng, self.fit = rng, fit
        self.trees = {}

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
        text = rng.choice(PLAIN if place in ("header", "label") else WORDS)
        while len(text) < low:
            text += rng.choice("abc-0")
        if high < len(text):
            text = re.sub(r"[^ -~]", "x", text)[:max(high, 0)]
        return text

    def matching(self, pattern, low, high):
        if "[:" in pattern:
            raise Impossible(pattern)  # POSIX classes mean something else to Python
        if pattern not in self.trees:
            try:
                self.trees[pattern] = sre_parse.parse(pattern), re.compile(pattern)
            except Exception:  # a pattern of another dialect
                self.trees[pattern] = None
        known = self.trees[pattern]
        if not known:
            raise Impossible(pattern)
        for _ in range(40):
            text = from_tree(known[0], self.rng)
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
            low, high = meta.get("min", -5), meta.get("max", 1 << 30)
            return rng.randint(int(low), int(min(max(low, high), low + 1000)))
        if kind in ("float", "double"):
            low, high = meta.get("min", -5), meta.get("max", 100)
            return float(round(low + (high - low) * rng.random(), 3)) if high - low > 1 else float(low)
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "timestamp":
            return datetime.datetime.fromtimestamp(rng.randint(0, 2 * 10 ** 9), UTC)
        if kind == "blob":
            low = meta.get("min", 0) if self.fit else 0
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
        chance = 0.8 if depth == 0 else 0.5 / depth
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
            place = {"uri": "label", "header": "header", "headers": "header"}.get(location, "body")
            if member.serialization.get("hostLabel"):
                place = "host"
            try:
                out[name] = self.value(member, depth + 1, place, parents + (shape.name,))
            except Impossible:
                if name in required:
                    raise
        return out

    def list(self, shape, depth, place, parents):
        rng, meta = self.rng, shape.metadata
        low, high = (meta.get("min", 0), meta.get("max", 3)) if self.fit else (0, 3)
        if low > 50:
            raise Impossible("long list")
        n = rng.randint(low, max(low, min(high, low + 2)))
        if shape.member.name in parents and low == 0:
            n = 0
        return [self.value(shape.member, depth + 1, place, parents + (shape.name,)) for _ in range(n)]

    def map(self, shape, depth, place, parents):
        rng, meta = self.rng, shape.metadata
        low, high = (meta.get("min", 0), meta.get("max", 3)) if self.fit else (0, 3)
        n = rng.randint(low, max(low, min(high, low + 2)))
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
