#!/usr/bin/python3
"""Makes the AWS tables from botocore's service models, at build time:

  gen_model.py --models DIR --effects effects.tsv --out DIR

writes aws_model.bin (what client, simulator and compiler need) and aws_docs.bin (one-line texts). Both are read in place:
records of fixed size, little-endian, referring to each other by number and to texts by their offset in one pool of distinct
strings, so nothing is relocated, parsed or allocated when a program starts. stdlib/aws/table.h describes the same records
in C; the two files change together, and a new layout gets a new magic.

For every service the newest API version is taken, with its paginators and waiters (their expressions are checked here and read by
jmespath.c at run time). Traits of a member (location, name on the wire, time format, ...) are
merged here over those of its shape, as botocore does, so that the readers look in one place only. The output depends on
nothing but the input: no times, no addresses, no hash order.
"""
import argparse
import fnmatch
import gzip
import html
import json
import math
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
import gen_endpoints  # noqa: E402

MAGIC = b"PBAWSM3\n"
DOCS_MAGIC = b"PBAWSD1\n"
DOC_LENGTH = 140  # a hover's line

PROTOCOLS = {"query": 0, "ec2": 1, "json": 2, "rest-json": 3, "rest-xml": 4}
PREFERRED = ["json", "rest-json", "rest-xml", "query", "ec2"]
KINDS = {"structure": 0, "list": 1, "map": 2, "string": 3, "character": 3, "integer": 4, "long": 4, "float": 5, "double": 5,
         "boolean": 6, "timestamp": 7, "blob": 8}
KIND_JSON = 9
LOCATIONS = {None: 0, "uri": 1, "querystring": 2, "header": 3, "headers": 4, "statusCode": 5}
TIMES = {None: 0, "iso8601": 1, "rfc822": 2, "unixtimestamp": 3}
METHODS = {"GET": 0, "POST": 1, "PUT": 2, "DELETE": 3, "PATCH": 4, "HEAD": 5, "OPTIONS": 6}
AUTH = {None: 0, "v4": 0, "v4a": 0, "none": 1, "v4-unsigned-body": 2, "bearer": 3}
# Calls by which one comes to credentials: the older models do not say that they are not signed.
UNSIGNED = {("sts", "AssumeRoleWithSAML"), ("sts", "AssumeRoleWithWebIdentity"), ("cognito_identity", "GetId"),
            ("cognito_identity", "GetOpenIdToken"), ("cognito_identity", "UnlinkIdentity"), ("cognito_identity", "GetCredentialsForIdentity")}
EFFECTS = {"pure": 0, "read": 1, "notify": 2, "contain": 3, "destroy": 4}

# flags of a reference (member, list item, map key or value, input, output)
R_REQUIRED, R_DEPRECATED, R_TOKEN, R_FLAT, R_ATTRIBUTE, R_JSONVALUE, R_STREAMING, R_HOSTLABEL, R_BOX, R_EVENT = (1 << i for i in range(10))
# flags of a shape
S_SENSITIVE, S_UNION, S_DOCUMENT, S_EVENTSTREAM, S_ERROR, S_STREAMING, S_LONG, S_SENDER, S_BOX, S_DEPRECATED = (1 << i for i in range(10))
# flags of an operation
O_DEPRECATED, O_CHECKSUM, O_MD5, O_ACCOUNT, O_DISCOVERY, O_STREAM_IN = (1 << i for i in range(6))
# flags of a service
V_QUERY_COMPATIBLE, V_GLOBAL = 1, 2
L_MIN, L_MAX = 1, 2
MATCHERS = {"path": 0, "pathAll": 1, "pathAny": 2, "status": 3, "error": 4}
STATES = {"success": 0, "retry": 1, "failure": 2}


class Pool:
    """Distinct strings, each a 16-bit length and its bytes; 0 is the empty one."""

    def __init__(self):
        self.data = bytearray(b"\0\0")
        self.known = {"": 2}
        self.asked = 0  # characters, as if none were shared

    def __call__(self, text):
        text = text or ""
        at = self.known.get(text)
        self.asked += len(text) + 2 if text else 0
        if at is None:
            raw = text.encode("utf-8")[:65535]
            self.data += struct.pack("<H", len(raw))
            at = self.known[text] = len(self.data)
            self.data += raw
        return at


class Rows:
    """One section: packed records, numbered from 1 (0 is a zeroed record and means none)."""

    def __init__(self, form):
        self.form = struct.Struct("<" + form)
        self.rows = [bytes(self.form.size)]

    def add(self, *values):
        self.rows.append(self.form.pack(*values))
        return len(self.rows) - 1

    def distinct(self, *values):
        row = self.form.pack(*values)
        cache = self.__dict__.setdefault("cache", {})
        if row not in cache:
            self.rows.append(row)
            cache[row] = len(self.rows) - 1
        return cache[row]

    def __len__(self):
        return len(self.rows)


class Effects:
    """effects.tsv: service, operation, effect, reason; * and ? are wildcards. An exact service beats *, an exact operation a
    pattern, a longer pattern a shorter one."""

    def __init__(self, path):
        self.rules = []
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                line = line.rstrip("\n")
                if not line or line.startswith("#"):
                    continue
                fields = line.split("\t")
                if len(fields) != 4 or fields[2] not in EFFECTS or not fields[3].strip():
                    sys.exit("%s:%d: want service, operation, effect (pure read notify contain destroy) and a reason, by tabs" % (path, number))
                service, operation, effect, _ = fields
                if effect == "pure":
                    sys.exit("%s:%d: a call to AWS is never pure" % (path, number))
                plain = operation.replace("*", "").replace("?", "")
                weight = (service != "*", plain == operation, len(plain))
                self.rules.append([weight, service, operation, re.compile(fnmatch.translate(operation)), EFFECTS[effect], number, False])
        self.path = path
        self.rules.sort(key=lambda r: r[0], reverse=True)
        seen = set()
        for rule in self.rules:
            if (rule[1], rule[2]) in seen:
                sys.exit("%s:%d: a second rule for %s %s" % (path, rule[5], rule[1], rule[2]))
            seen.add((rule[1], rule[2]))
        self.by_service = {}

    def of(self, service, operation):
        rules = self.by_service.get(service)
        if rules is None:
            rules = self.by_service[service] = [r for r in self.rules if r[1] in ("*", service)]
        for rule in rules:
            if rule[3].match(operation):
                rule[6] = True
                return rule[4]
        return EFFECTS["contain"]

    def warn_unused(self, services):
        """A rule that no longer fits its model is a hole in the review."""
        for rule in self.rules:
            if not rule[6] and (rule[1] in services or rule[1] != "*"):
                print("%s:%d: no operation of %s is named %s" % (self.path, rule[5], rule[1], rule[2]), file=sys.stderr)


class Query:
    """Is an expression one that jmespath.c knows? The same grammar: names, .  [n]  []  .*  [?...]  ||  &&  !  == != < <= > >=  (...),
    literals in back quotes and the functions below. An expression that it does not know stops the build, by its name."""

    TOKEN = re.compile(r"\s*(?:(\[\]|\[\?|\|\||&&|==|!=|<=|>=|[.*\[\]()!<>,])|([A-Za-z_][A-Za-z0-9_]*)|(-?[0-9]+)|(`[^`\\\\]*`|'[^'\\\\]*'))")
    FUNCTIONS = {"length": 1, "contains": 2}
    COMPARE = {"==", "!=", "<", "<=", ">", ">="}

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            m = self.TOKEN.match(text, at)
            if not m:
                raise ValueError("at %r" % text[at:])
            self.tokens.append((m.lastindex, m.group(m.lastindex)))
            at = m.end()
        self.at = 0
        self.either()
        if self.at != len(self.tokens):
            raise ValueError("at %r" % self.tokens[self.at][1])

    def take(self, *texts):
        if self.at < len(self.tokens) and self.tokens[self.at][0] == 1 and self.tokens[self.at][1] in texts:
            self.at += 1
            return True
        return False

    def want(self, text):
        if not self.take(text):
            raise ValueError("%s is missing" % text)

    def kind(self, kind):
        if self.at < len(self.tokens) and self.tokens[self.at][0] == kind:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def either(self):
        self.both()
        while self.take("||"):
            self.both()

    def both(self):
        self.compare()
        while self.take("&&"):
            self.compare()

    def compare(self):
        self.negated()
        if self.take(*self.COMPARE):
            self.negated()

    def negated(self):
        if self.take("!"):
            self.negated()
        else:
            self.chain()

    def chain(self):
        name = self.kind(2)
        if name and self.take("("):
            if name not in self.FUNCTIONS:
                raise ValueError("the function %s is not known" % name)
            for i in range(self.FUNCTIONS[name]):
                if i:
                    self.want(",")
                self.either()
            self.want(")")
        elif name or self.kind(4):
            pass
        elif self.take("("):
            self.either()
            self.want(")")
        else:
            raise ValueError("a name is missing")
        while True:
            if self.take("."):
                if not self.take("*") and not self.kind(2):
                    raise ValueError("a name is missing behind a dot")
            elif self.take("["):
                if not self.kind(3):
                    raise ValueError("a number is missing in [ ]")
                self.want("]")
            elif self.take("[?"):
                self.either()
                self.want("]")
            elif not self.take("[]"):
                return


def query(text, where):
    try:
        Query(text)
    except ValueError as e:
        sys.exit("gen_model.py: %s: the expression %s is not one that stdlib/aws/jmespath.c knows: %s" % (where, text, e))
    return text


def listed(value):
    return value if isinstance(value, list) else [value] if value else []


TAG = re.compile(r"<[^>]*>")
SPACE = re.compile(r"\s+")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z<(])")


def one_line(text):
    if not text:
        return ""
    text = text[:1200]
    cut = text.find("</p>")
    if cut > 0:
        text = text[:cut]
    text = SPACE.sub(" ", html.unescape(TAG.sub("", text))).strip()
    text = SENTENCE.split(text, 1)[0]
    if len(text) > DOC_LENGTH:
        text = text[:DOC_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:") + " ..."
    return text


class Tables:
    def __init__(self, effects):
        self.effects = effects
        self.text = Pool()
        self.services = Rows("11I I I I I BB H I")
        self.ops = Rows("I H BB I I I I I I I I HH BB H")
        self.shapes = Rows("I I I HH H BB")
        self.refs = Rows("I I I H BB H 2x")
        self.extras = Rows("III")
        self.limits = Rows("qq I I")
        self.errors = Rows("I HH")
        self.enums = Rows("I")
        self.op_errors = Rows("I")
        self.partitions = Rows("II II")
        self.prefixes = Rows("I")
        self.places = Rows("IIII")
        self.place_of = Rows("H")
        self.endpoints = Rows("III")
        self.pagers = Rows("I I I HH")
        self.waiters = Rows("I I I HH I")
        self.acceptors = Rows("I I I BB BB")
        self.texts = Rows("I")
        self.extras_none = 0
        self.doc_text = Pool()
        self.op_docs = [2]
        self.ref_docs = [2]

    # -- shapes --

    def service(self, name, model, pagination, waiting):
        meta = model["metadata"]
        protocol = meta["protocol"]
        if protocol not in PROTOCOLS:
            fitting = [p for p in PREFERRED if p in meta.get("protocols", [])]
            if not fitting:
                print("gen_model.py: %s speaks only %s, which is not known: left out" % (name, protocol), file=sys.stderr)
                return
            protocol = fitting[0]
        self.model = model["shapes"]
        self.names = sorted(self.model)
        first_shape = len(self.shapes)
        self.number = {n: first_shape + i for i, n in enumerate(self.names)}
        for shape_name in self.names:
            self.shape(shape_name, self.model[shape_name])
        first_op = len(self.ops)
        number = len(self.services)
        operations = sorted(model["operations"].items())
        self.op_number = {op_name: first_op + i for i, (op_name, _) in enumerate(operations)}
        for op_name, op in operations:
            self.operation(name, number, op_name, op, self.pager(name, op_name, pagination.get(op_name)))
        first_waiter = len(self.waiters)
        for waiter_name, w in sorted(waiting.items()):
            self.waiter(name, waiter_name, w)
        text = self.text
        prefix = meta["endpointPrefix"]
        flags = (V_QUERY_COMPATIBLE if "awsQueryCompatible" in meta else 0) | (V_GLOBAL if prefix in self.global_prefixes else 0)
        ns = meta.get("xmlNamespace", "")
        self.services.add(
            text(name), text(meta["apiVersion"]), text(prefix), text(meta.get("signingName", prefix)), text(meta.get("targetPrefix")),
            text(meta.get("jsonVersion")), text(meta.get("serviceId")), text(ns if isinstance(ns, str) else ns.get("uri", "")),
            text(meta.get("signatureVersion")), text(meta.get("serviceFullName")), text(meta.get("globalEndpoint")),
            first_op, len(operations), first_shape, len(self.names), PROTOCOLS[protocol], flags, len(self.waiters) - first_waiter, first_waiter)

    def shape(self, name, s):
        kind = KINDS.get(s["type"])
        if kind is None:
            sys.exit("gen_model.py: a shape of the unknown type %s: %s" % (s["type"], name))
        if s.get("document"):
            kind = KIND_JSON
        flags = 0
        for trait, bit in (("sensitive", S_SENSITIVE), ("union", S_UNION), ("document", S_DOCUMENT), ("eventstream", S_EVENTSTREAM),
                           ("exception", S_ERROR), ("streaming", S_STREAMING), ("box", S_BOX), ("deprecated", S_DEPRECATED)):
            if s.get(trait):
                flags |= bit
        if s["type"] in ("long", "double"):
            flags |= S_LONG
        first = n = detail = payload = 0
        if s["type"] == "structure":
            members = s.get("members", {})
            required = set(s.get("required", ()))
            first, n = len(self.refs), len(members)
            for i, (member, ref) in enumerate(members.items()):
                self.ref(member, ref, R_REQUIRED if member in required else 0)
                if s.get("payload") == member:
                    payload = i + 1
            if flags & S_ERROR:
                error = s.get("error", {})
                detail = self.errors.distinct(self.text(error.get("code", name)), error.get("httpStatusCode", 0), 1 if error.get("senderFault") else 0)
        elif s["type"] == "list":
            first = self.ref("", s["member"], 0)
        elif s["type"] == "map":
            first = self.ref("key", s["key"], 0)
            self.ref("value", s["value"], 0)
        if s["type"] not in ("structure",):
            detail = self.limit(s)
        if s["type"] == "string" and s.get("enum"):
            first, n = len(self.enums), len(s["enum"])
            for value in s["enum"]:
                self.enums.add(self.text(value))
        self.shapes.add(self.text(name), first, detail, n, payload, flags, kind, 0)

    def limit(self, s):
        low, high, pattern = s.get("min"), s.get("max"), s.get("pattern")
        # S3 takes "bucket/key" as well as "/bucket/key"; its model's pattern knows only the latter.
        if pattern == r"\/.+\/.+":
            pattern = None
        if low is None and high is None and not pattern:
            return 0
        bound = (1 << 63) - 1
        a = max(-bound, math.floor(low)) if low is not None else 0
        b = min(bound, math.ceil(high)) if high is not None else 0
        flags = (L_MIN if low is not None else 0) | (L_MAX if high is not None else 0)
        return self.limits.distinct(a, b, self.text(pattern), flags)

    def ref(self, name, ref, flags):
        s = self.model[ref["shape"]]
        merged = s if len(ref) == 1 else {**s, **ref}
        if merged.get("jsonvalue") and merged.get("location") == "header":
            flags |= R_JSONVALUE  # in bodies it is an ordinary string
        for trait, bit in (("deprecated", R_DEPRECATED), ("idempotencyToken", R_TOKEN), ("flattened", R_FLAT), ("xmlAttribute", R_ATTRIBUTE),
                           ("streaming", R_STREAMING), ("hostLabel", R_HOSTLABEL), ("box", R_BOX)):
            if merged.get(trait):
                flags |= bit
        if merged.get("eventheader") or merged.get("eventpayload"):
            flags |= R_EVENT
        ns = merged.get("xmlNamespace") or {}
        if isinstance(ns, str):
            ns = {"uri": ns}
        extra = 0
        if ns or merged.get("queryName"):
            extra = self.extras.distinct(self.text(ns.get("uri")), self.text(ns.get("prefix")), self.text(merged.get("queryName")))
        stamp = merged.get("timestampFormat")
        self.ref_docs.append(self.doc_text(one_line(ref.get("documentation") or s.get("documentation"))))
        return self.refs.add(self.text(name), self.text(merged.get("locationName")), self.number[ref["shape"]], flags,
                             LOCATIONS[merged.get("location")], TIMES[stamp and stamp.lower()], extra)

    def pager(self, service, name, p):
        """How an operation goes on to its next page; 0: it has no pages."""
        if not p:
            return 0
        where = "pages of %s.%s" % (service, name)
        ins, outs, results = listed(p["input_token"]), listed(p["output_token"]), listed(p["result_key"])
        if len(ins) != len(outs) or not ins or not results:
            sys.exit("gen_model.py: %s: tokens and results do not fit together" % where)
        for key in results:
            if not re.fullmatch(r"[A-Za-z_0-9]+(\.[A-Za-z_0-9]+)*", key):
                sys.exit("gen_model.py: %s: the result key %s is no dotted path" % (where, key))
        first = len(self.texts)
        for t in ins + [query(o, where) for o in outs] + results:
            self.texts.add(self.text(t))
        more = p.get("more_results")
        return self.pagers.add(self.text(p.get("limit_key")), self.text(more and query(more, where)), first, len(ins), len(results))

    def waiter(self, service, name, w):
        where = "waiter %s.%s" % (service, name)
        if w["operation"] not in self.op_number or w["delay"] < 1 or w["maxAttempts"] < 1:
            sys.exit("gen_model.py: %s: an unknown operation, or no time to wait" % where)
        first = len(self.acceptors)
        for a in w["acceptors"]:
            if a["matcher"] not in MATCHERS or a["state"] not in STATES or type(a["expected"]) not in (str, int, bool):
                sys.exit("gen_model.py: %s: an acceptor of an unknown kind" % where)
            expected, kind = a["expected"], 0
            if isinstance(expected, bool):
                kind, expected = 2, "true" if expected else ""
            elif isinstance(expected, int):
                kind, expected = 1, str(expected)
            argument = query(a["argument"], where) if a["matcher"].startswith("path") else ""
            self.acceptors.add(self.text(argument), self.text(expected), int(expected) if kind == 1 else 0, MATCHERS[a["matcher"]],
                               STATES[a["state"]], kind, 0)
        self.waiters.add(self.text(name), self.op_number[w["operation"]], first, len(w["acceptors"]), w["maxAttempts"], w["delay"])

    def operation(self, service, number, name, op, pager):
        http = op["http"]
        flags = 0
        if op.get("deprecated"):
            flags |= O_DEPRECATED
        checksum = op.get("httpChecksum", {})
        if checksum.get("requestChecksumRequired"):
            flags |= O_CHECKSUM
        if op.get("httpChecksumRequired"):
            flags |= O_MD5
        if op.get("staticContextParams", {}).get("RequiresAccountId", {}).get("value"):
            flags |= O_ACCOUNT
        if op.get("endpointoperation"):
            flags |= O_DISCOVERY
        auth = "none" if (service, name) in UNSIGNED else op.get("authtype")
        if "auth" in op and "smithy.api#noAuth" in op["auth"][:1]:
            auth = "none"
        if op.get("unsignedPayload"):
            auth = "v4-unsigned-body"
        source = self.ref("", op["input"], 0) if op.get("input") else 0
        target, wrapper = 0, ""
        if op.get("output"):
            target = self.ref("", op["output"], 0)
            wrapper = op["output"].get("resultWrapper", "")
        errors = op.get("errors", [])
        first_error = len(self.op_errors)
        for e in errors:
            self.op_errors.add(self.number[e["shape"]])
        self.op_docs.append(self.doc_text(one_line(op.get("documentation"))))
        self.ops.add(self.text(name), number, self.effects.of(service, name), METHODS[http["method"]], self.text(http["requestUri"]),
                     source, target, self.text(op.get("endpoint", {}).get("hostPrefix")), self.text(checksum.get("requestAlgorithmMember")),
                     self.text(wrapper), self.text(op.get("name", name)), first_error, len(errors), http.get("responseCode", 0), flags,
                     AUTH.get(auth, 0), pager)

    # -- endpoints --

    def partitions_json(self, data):
        """Names and regions; where services are is gen_endpoints.py's part."""
        self.global_prefixes, self.first_prefix = set(), {}
        for partition in data["partitions"]:
            prefixes = region_prefixes(partition["regionRegex"])
            first = len(self.prefixes)
            for p in prefixes:
                self.prefixes.add(self.text(p))
            self.partitions.add(self.text(partition["partition"]), self.text(partition["dnsSuffix"]), first, len(prefixes))
            self.first_prefix[partition["partition"]] = prefixes[0]
            if partition["partition"] == "aws":
                self.global_prefixes = {prefix for prefix, service in partition["services"].items()
                                        if service.get("partitionEndpoint") and not service.get("isRegionalized", True)}

    # -- files --

    def model_bytes(self):
        sections = [self.services, self.ops, self.shapes, self.refs, self.extras, self.limits, self.errors, self.enums, self.op_errors,
                    self.partitions, self.prefixes, self.places, self.place_of, self.endpoints, self.pagers, self.waiters, self.acceptors, self.texts]
        parts = [(b"".join(rows.rows), len(rows)) for rows in sections] + [(bytes(self.text.data), len(self.text.data))]
        header, body = bytearray(MAGIC), bytearray()
        start = (len(header) + 8 * len(parts) + 15) // 16 * 16
        for data, count in parts:
            header += struct.pack("<II", start + len(body), count)
            body += data + bytes(-len(data) % 8)
        return bytes(header + bytes(start - len(header)) + body)

    def docs_bytes(self):
        head = struct.pack("<III", len(self.op_docs), len(self.ref_docs), len(self.doc_text.data))
        lists = struct.pack("<%dI" % (len(self.op_docs) + len(self.ref_docs)), *self.op_docs, *self.ref_docs)
        return DOCS_MAGIC + head + lists + bytes(self.doc_text.data)

    def report(self):
        """What the tables take, for stdlib/aws/README.md."""
        services, ops = len(self.services) - 1, len(self.ops) - 1
        model, docs = len(self.model_bytes()), len(self.docs_bytes())
        print("%d services, %d operations, %d shapes, %d references" % (services, ops, len(self.shapes) - 1, len(self.refs) - 1))
        print("aws_model.bin %d bytes: %d a service, %d an operation" % (model, model // services, model // ops))
        for name, pool in (("texts", self.text), ("documentation", self.doc_text)):
            print("%s: %d bytes; without sharing they would be %d" % (name, len(pool.data), pool.asked))
        print("aws_docs.bin %d bytes" % docs)


def region_prefixes(regex):
    """'^(us|eu)\\-\\w+\\-\\d+$' -> ['us', 'eu']: all that partitions' patterns vary in."""
    tail = r"\-\w+\-\d+$"
    if not regex.startswith("^") or not regex.endswith(tail):
        sys.exit("gen_model.py: a partition's region pattern of an unknown form: %s" % regex)
    found = [""]
    for part in re.split(r"(\([^)]*\))", regex[1:-len(tail)].replace("\\-", "-")):
        choices = part[1:-1].split("|") if part.startswith("(") else [part]
        found = [a + b for a in found for b in choices]
    if any(re.search(r"[^a-z0-9-]", f) for f in found):
        sys.exit("gen_model.py: a partition's region pattern of an unknown form: %s" % regex)
    return found


def load(path, default=None):
    if os.path.exists(path):
        with open(path, "rb") as f:
            return json.loads(f.read())
    if default is not None and not os.path.exists(path + ".gz"):
        return default
    with gzip.open(path + ".gz") as f:
        return json.loads(f.read())


def models(root):
    for name in sorted(os.listdir(root), key=lambda n: n.replace("-", "_")):
        folder = os.path.join(root, name)
        if not os.path.isdir(folder):
            continue
        for version in sorted(os.listdir(folder), reverse=True):
            path = os.path.join(folder, version, "service-2.json")
            if os.path.exists(path) or os.path.exists(path + ".gz"):
                pages, waits, rules = (os.path.join(folder, version, f)
                                       for f in ("paginators-1.json", "waiters-2.json", "endpoint-rule-set-1.json"))
                yield (name.replace("-", "_"), load(path), load(pages, {}).get("pagination", {}), load(waits, {}).get("waiters", {}),
                       load(rules, {}))
                break


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--models", required=True)
    p.add_argument("--effects", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--sizes", action="store_true", help="say what the tables take")
    p.add_argument("--review", action="store_true", help="name the rules of effects.tsv that fit no operation")
    o = p.parse_args()
    if not os.path.isdir(o.models):
        sys.exit("gen_model.py: %s is no folder: install python3-botocore, or name its data folder with make AWS_MODELS=..." % o.models)
    tables = Tables(Effects(o.effects))
    partitions = load(os.path.join(o.models, "endpoints.json"))
    tables.partitions_json(partitions)
    places = gen_endpoints.Endpoints(tables, partitions, load(os.path.join(o.models, "partitions.json"), {"partitions": []}))
    names = []
    for name, model, pagination, waiting, rules in models(o.models):
        before = len(tables.services)
        tables.service(name, model, pagination, waiting)
        if len(tables.services) > before:
            places.service(model["metadata"], rules)
        names.append(name)
    if not names:
        sys.exit("gen_model.py: no service models in %s" % o.models)
    if o.review:
        tables.effects.warn_unused(set(names))
    if o.sizes:
        tables.report()
    os.makedirs(o.out, exist_ok=True)
    for file, data in (("aws_model.bin", tables.model_bytes()), ("aws_docs.bin", tables.docs_bytes())):
        path = os.path.join(o.out, file)
        with open(path + ".part", "wb") as f:
            f.write(data)
        os.replace(path + ".part", path)


main()
