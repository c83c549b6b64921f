"""Where every service is in every region, worked out at build time; imported by gen_model.py.

AWS describes its hosts twice: endpoints.json (older: names and signing regions) and a rule set for each service
(endpoint-rule-set-1.json: a small language of conditions on region, FIPS and dual stack). Clients go by the rules, and by
endpoints.json for the region to sign for where a rule does not say it. So do we, but once, here: the rules are evaluated for every
known region of a partition, in four variants (ordinary, FIPS, dual stack, both), and for a region that nobody knows yet. What that
one gives is the variant's template ("ec2.{region}.amazonaws.com"); regions that differ from it are exceptions. The reader
(model.c, aws_endpoint) needs a look-up, and new regions need no new table.

Rules about a request's own input (buckets in ARNs, endpoint ids) are not followed: endpoint.c does what is needed of them.
"""
import re
import sys

VARIANTS = [(False, False), (True, False), (False, True), (True, True)]  # (FIPS, dual stack): bit 1, bit 2
UNKNOWN = "zzzz-9"  # tail of a region that nobody knows
REGION_NAME = re.compile(r"[a-z]{2,}-[a-z-]+-\d+")


class Unsupported(Exception):
    """A rule says that this cannot be."""


class Rules:
    """The language of endpoint-rule-set-1.json, as far as rule sets use it without a request's input."""

    def __init__(self, data, partitions, where):
        self.rules, self.partitions, self.where = data["rules"], partitions, where
        self.defaults = {name: p["default"] for name, p in data["parameters"].items() if "default" in p}

    def resolve(self, **params):
        """(url, {signingRegion, ...}) or Unsupported."""
        found = self.first(self.rules, dict(self.defaults, **params))
        if found is None:
            raise Unsupported("no rule fits")
        return found

    def first(self, rules, scope):
        for rule in rules:
            inner = self.hold(rule.get("conditions", []), scope)
            if inner is None:
                continue
            if rule["type"] == "tree":
                return self.first(rule["rules"], inner)
            if rule["type"] == "error":
                raise Unsupported(self.value(rule["error"], inner))
            endpoint = rule["endpoint"]
            schemes = endpoint.get("properties", {}).get("authSchemes", [])
            usable = [s for s in schemes if s["name"] in ("sigv4", "sigv4-s3express")] or schemes
            return self.value(endpoint["url"], inner), {k: self.value(v, inner) for k, v in (usable[0] if usable else {}).items()}
        return None

    def hold(self, conditions, scope):
        """The scope with what the conditions assign; None when one does not hold."""
        for c in conditions:
            v = self.call(c, scope)
            if v is None or v is False:
                return None
            if "assign" in c:
                scope = dict(scope)
                scope[c["assign"]] = v
        return scope

    def value(self, v, scope):
        if isinstance(v, dict):
            return scope.get(v["ref"]) if "ref" in v else self.call(v, scope)
        if isinstance(v, str) and "{" in v:
            return re.sub(r"\{([^{}]+)\}", lambda m: str(self.attribute(scope.get(m.group(1).partition("#")[0]), m.group(1).partition("#")[2])), v)
        return v

    def attribute(self, v, path):
        for part in path.split(".") if path else []:
            name, _, index = part.partition("[")
            v = v.get(name) if name else v
            if index and v is not None:
                at = int(index.rstrip("]"))
                v = v[at] if at < len(v) else None
            if v is None:
                return None
        return v

    def call(self, c, scope):
        args = [self.value(a, scope) for a in c["argv"]]
        fn = c["fn"]
        if fn == "isSet":
            return args[0] is not None
        if fn == "not":
            return not args[0]
        if fn in ("booleanEquals", "stringEquals"):
            return args[0] == args[1]
        if fn == "getAttr":
            return self.attribute(args[0], args[1])
        if fn == "aws.partition":
            return self.partitions.of(args[0])
        if fn == "isValidHostLabel":
            labels = args[0].split(".") if args[1] else [args[0]]
            return all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", x) for x in labels)
        if args[0] is None:
            return None  # parseURL, substring, ... of an input that a bare endpoint has not
        sys.exit("gen_endpoints.py: %s: the function %s of a rule is not known" % (self.where, fn))


class Partitions:
    """partitions.json, and what endpoints.json knows of regions."""

    def __init__(self, data, endpoints):
        self.list, self.cache = data["partitions"], {}
        self.names = [p["partition"] for p in endpoints["partitions"]]
        self.regions = {}  # by partition, without the pseudo-regions
        self.pattern = {p["partition"]: p["regionRegex"] for p in endpoints["partitions"]}
        for p in endpoints["partitions"]:
            known = [q for q in self.list if q["id"] == p["partition"]]
            names = set(p["regions"]) | set(known[0]["regions"] if known else [])
            self.regions[p["partition"]] = sorted(r for r in names if re.match(p["regionRegex"], r))

    def of(self, region):
        if region not in self.cache:
            found = [p for p in self.list if region in p["regions"]] or [p for p in self.list if re.match(p["regionRegex"], region)] or [self.list[0]]
            self.cache[region] = dict(found[0]["outputs"], **found[0]["regions"].get(region, {}))
        return self.cache[region]


class Legacy:
    """endpoints.json: host and signing region of a service (by endpoint prefix) in a region."""

    def __init__(self, data):
        self.partitions = {p["partition"]: p for p in data["partitions"]}

    def resolve(self, partition, prefix, region, fips, dual):
        p = self.partitions[partition]
        service = p["services"].get(prefix, {"endpoints": {}})
        tags = set((["fips"] if fips else []) + (["dualstack"] if dual else []))
        name = region
        if region not in service["endpoints"] and service.get("partitionEndpoint") and not service.get("isRegionalized", True):
            name = service["partitionEndpoint"]
        merged = {}
        for level in (service["endpoints"].get(name, {}), service.get("defaults", {}), p["defaults"]):
            chosen = dict(level)
            if tags:
                variant = [v for v in level.get("variants", []) if set(v["tags"]) == tags]
                chosen = dict({k: v for k, v in level.items() if k not in ("hostname", "dnsSuffix")}, **(variant[0] if variant else {}))
            for k, v in chosen.items():
                merged.setdefault(k, v)
        if "hostname" not in merged:
            raise Unsupported("no such variant")
        suffix = merged.get("dnsSuffix", p["dnsSuffix"])
        host = merged["hostname"].replace("{service}", prefix).replace("{region}", name).replace("{dnsSuffix}", suffix)
        return host, merged.get("credentialScope", {}).get("region", name)


class Endpoints:
    """Fills the tables: one place for each (service, partition, variant)."""

    def __init__(self, tables, endpoints, partitions):
        self.tables, self.legacy = tables, Legacy(endpoints)
        self.partitions = Partitions(partitions, endpoints)

    def resolve(self, rules, partition, prefix, region, fips, dual):
        """(host, signing region), or None."""
        try:
            _, scope = self.legacy.resolve(partition, prefix, region, fips, dual)
        except Unsupported:
            scope = region
        try:
            if rules is None:
                return self.legacy.resolve(partition, prefix, region, fips, dual)
            url, auth = rules.resolve(Region=region, UseFIPS=fips, UseDualStack=dual)
        except Unsupported:
            return None
        if not url.startswith("https://") or "/" in url[8:] or url.count(region) > 1:
            sys.exit("gen_endpoints.py: %s in %s: an endpoint of a form that is not known: %s" % (prefix, region, url))
        return url[8:], auth.get("signingRegion") or scope

    def service(self, meta, ruleset):
        """The places of one service, in the order of partitions and variants."""
        prefix = meta["endpointPrefix"]
        rules = Rules(ruleset, self.partitions, prefix) if ruleset else None
        named = set(REGION_NAME.findall(str(ruleset)))
        for partition in self.partitions.names:
            regions = sorted(set(self.partitions.regions[partition]) | {r for r in named if re.match(self.partitions.pattern[partition], r)})
            unknown = self.tables.first_prefix[partition] + "-" + UNKNOWN
            for fips, dual in VARIANTS:
                self.place(regions, unknown, lambda r, p=partition, f=fips, d=dual: self.resolve(rules, p, prefix, r, f, d))

    def place(self, regions, unknown, resolve):
        t, text = self.tables, self.tables.text
        host, scope = self.template(unknown, resolve(unknown))
        odd = []
        for region in regions:
            got, usual = resolve(region), (host.replace("{region}", region), scope or region) if host else None
            if got != usual:
                odd.append((region, *(got or ("", ""))))
        first = len(t.endpoints)
        known = t.__dict__.setdefault("known_exceptions", {})
        if odd and tuple(odd) in known:
            first = known[tuple(odd)]
        else:
            known[tuple(odd)] = first
            for region, h, s in odd:
                t.endpoints.add(text(region), text(h), text("" if s == region else s))
        t.place_of.add(t.places.distinct(text(host), text(scope), first, len(odd)) if host or odd else 0)

    @staticmethod
    def template(region, got):
        if not got:
            return "", ""
        return got[0].replace(region, "{region}"), "" if got[1] == region else got[1]
