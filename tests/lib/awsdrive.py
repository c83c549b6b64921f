"""Calls through our AWS client for tests: the unit-test binary `client --serve` makes the calls that JSON lines ask for."""
import json
import os
import subprocess

from pbtest import BUILD, eq

SERVE = os.path.join(BUILD, "tests", "client")
SECRET = "SECRETwJalrXUtnFEMI"
TOKEN = "TOKENFwoGZXIvYXdzE"
KEY = "AKIAIOSFODNN7EXAMPLE"


class Client:
    """One client process. Nothing it prints may hold the secret key or the session token."""

    def __init__(self, endpoint=None, **env):
        base = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN, "AWS_REGION": "eu-west-1",
                "PB_RETRY_BASE_MS": "5"}
        if endpoint:
            base["AWS_ENDPOINT_URL"] = endpoint
        base.update(env)
        full = dict(os.environ)
        full.update({k: v for k, v in base.items() if v is not None})
        self.p = subprocess.Popen([SERVE, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  encoding="utf-8", env=full)

    def call(self, operation, deadline_ms=8000, **kw):
        """operation: "iam.ListUsers"; kw: the input, and _region, _seed."""
        service, name = operation.split(".")
        q = {"service": service, "operation": name, "deadline_ms": deadline_ms, "seed": kw.pop("_seed", "run/1")}
        if "_region" in kw:
            q["region"] = kw.pop("_region")
        q["input"] = kw
        return self.ask(q)

    def address(self, service, region, bucket="", path="/", prefix=""):
        """Where a request would go: {url, signing_region, signing_name}, None when it is refused."""
        o = self.ask({"address": {"service": service, "region": region, "bucket": bucket, "path": path, "prefix": prefix}})
        return o["value"] if o["ok"] else None

    def ask(self, q):
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        for secret in (SECRET, TOKEN):
            eq(secret in line, False, "a secret in the outcome: " + line)
        if not line:
            raise AssertionError("the client died: " + self.p.stderr.read()[-3000:])
        return json.loads(line)

    def ok(self, operation, **kw):
        o = self.call(operation, **kw)
        if not o["ok"]:
            raise AssertionError("%s: %s" % (o["code"], o["message"]))
        return o["value"]

    def close(self):
        self.p.stdin.close()
        err = self.p.stderr.read()
        eq(self.p.wait(20), 0, "the client's status: " + err[-3000:])
        for secret in (SECRET, TOKEN):
            eq(secret in err, False, "a secret on standard error")
