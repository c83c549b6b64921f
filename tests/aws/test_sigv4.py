"""Signatures of random requests against botocore's signers, which share no code with ours: headers, pre-signed URLs, S3 and
the rest; and the checking side against what botocore signed. The unit-test binary answers JSON lines on --serve."""
# runs: sanitized
import datetime
import json
import os
import random
import string
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from pbtest import BUILD, case, eq, main

SERVE = os.path.join(BUILD, "tests", "sigv4")
NOW = 1700000000
OK, MISMATCH, BODY = 0, 5, 8
rng = random.Random(20240229)


class Driver:
    def __init__(self):
        self.p = subprocess.Popen([SERVE, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, **q):
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        eq(self.p.wait(20), 0, "the driver's status")


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls.utcfromtimestamp(NOW)


class Frozen:
    datetime = Clock


botocore.auth.datetime = Frozen


def word(alphabet, low, high):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(low, high)))


NICE = string.ascii_letters + string.digits
ODD = NICE + "-_.~ !\"#$%&'()*+,/:;<=>?@[]^`{|}äß漢😀"


def random_request(s3):
    """What a client could send: an encoded path and query, headers with odd white space, any body."""
    if s3:
        path = "/" + urllib.parse.quote(word(ODD + "//..", 0, 20), safe="/~")
    else:
        path = "/" + "/".join(urllib.parse.quote(rng.choice([word(ODD, 0, 8), "..", ".", ""]), safe="~") for _ in range(rng.randint(0, 5)))
    pairs = [(word(ODD, 1, 6), word(ODD, 0, 10)) for _ in range(rng.randint(0, 6))]
    if pairs and rng.random() < 0.4:
        pairs.append((pairs[0][0], word(ODD, 0, 6)))
    if rng.random() < 0.2:
        pairs.append(("", word(ODD, 0, 4)))
    rng.shuffle(pairs)
    query = "&".join(urllib.parse.quote(k, safe="-_.~") + "=" + urllib.parse.quote(v, safe="-_.~") for k, v in pairs)
    headers = {}
    for _ in range(rng.randint(0, 5)):
        name = rng.choice(["X-Amz-Meta-", "x-amz-", "Content-", "Zz-"]) + word(NICE, 1, 8)
        headers[name] = " " * rng.randint(0, 2) + "  ".join(word(NICE + "-;,=\"/", 0, 8) for _ in range(3)) + "\t" * rng.randint(0, 1)
    if rng.random() < 0.3:
        headers["User-Agent"] = "somebody/1.0"
    body = os.urandom(0) if rng.random() < 0.4 else bytes(rng.randrange(256) for _ in range(rng.randint(1, 200)))
    return {"method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]), "path": path, "query": query, "headers": headers, "body": body,
            "host": word(string.ascii_lowercase, 3, 9) + ".example.com" + rng.choice(["", ":8080"]),
            "region": rng.choice(["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"]),
            "service": "s3" if s3 else rng.choice(["ec2", "iam", "ssm", "sts", "execute-api"])}


def random_credentials():
    return botocore.credentials.Credentials("AKIA" + word(string.ascii_uppercase, 16, 16), word(NICE + "+/", 40, 40),
                                            word(NICE + "+/=", 20, 300) if rng.random() < 0.5 else None)


def signer_of(q, c, kind=""):
    return getattr(botocore.auth, ("S3" if q["service"] == "s3" else "") + "SigV4" + kind + "Auth")(c, q["service"], q["region"])


def aws_request(q, path=None):
    url = "http://" + q["host"] + (q["path"] if path is None else path) + ("?" + q["query"] if q["query"] else "")
    return botocore.awsrequest.AWSRequest(method=q["method"], url=url, headers=dict(q["headers"]), data=q["body"])


def fields(q, c):
    return dict(q, headers=[[k, v] for k, v in q["headers"].items()], body=q["body"].hex(), time=NOW, now=NOW, access_key=c.access_key,
                secret_key=c.secret_key, session_token=c.token or "")


@case("400 random requests are signed as botocore signs them")
def _():
    d = Driver()
    for i in range(400):
        q, c = random_request(i % 2 == 0), random_credentials()
        r = aws_request(q)
        signer_of(q, c).add_auth(r)
        got = d.ask(op="sign", **fields(q, c))
        eq(got.get("Authorization"), r.headers["Authorization"], repr(q))
        eq(got["X-Amz-Date"], r.headers["X-Amz-Date"])
        eq(got.get("X-Amz-Content-SHA256"), r.headers.get("X-Amz-Content-SHA256"))
        eq(got.get("X-Amz-Security-Token"), c.token)
    d.close()


@case("100 pre-signed URLs are botocore's")
def _():
    d = Driver()
    for i in range(100):
        q, c = random_request(i % 2 == 0), random_credentials()
        # botocore folds repeated keys of a pre-signed URL to one and drops odd forms: plain ones only.
        q.update(method="GET", body=b"", headers={}, query="" if i % 3 else "versionId=a-b&zone=1")
        r = aws_request(q)
        signer = signer_of(q, c, "Query")
        signer._expires = 900
        signer.add_auth(r)
        extra = {"payload_hash": "UNSIGNED-PAYLOAD"} if q["service"] == "s3" else {}
        got = d.ask(op="presign", expires=900, **extra, **fields(q, c))
        want = urllib.parse.parse_qs(urllib.parse.urlsplit(r.url).query)
        eq(urllib.parse.parse_qs(got["query"]), want, repr(q))
    d.close()


@case("what botocore signed is accepted, and not after a change")
def _():
    d = Driver()
    for i in range(150):
        q, c = random_request(i % 2 == 0), random_credentials()
        r = aws_request(q)
        signer_of(q, c).add_auth(r)
        sent = dict(q, headers=dict(r.headers.items()))
        got = d.ask(op="verify", **fields(sent, c))
        eq((got["problem"], got["access_key"], got["service"]), (OK, c.access_key, q["service"]), repr(sent))
        changed = dict(sent)
        what = rng.choice(["method", "host", "body", "path", "query", "secret"])
        f = fields(sent, c)
        if what == "secret":
            f["secret_key"] = f["secret_key"][:-1] + ("a" if f["secret_key"][-1] != "a" else "b")
        elif what == "body":
            f["body"] += "00"
        else:
            f[what] = changed[what] + {"path": "/x", "query": "&zz=1"}.get(what, "x")
        eq(d.ask(op="verify", **f)["problem"] in (MISMATCH, BODY), True, what)
    d.close()


@case("what botocore pre-signed is accepted until it expires")
def _():
    d = Driver()
    for i in range(40):
        q, c = random_request(i % 2 == 0), random_credentials()
        q.update(method="GET", body=b"", headers={}, query="a=1")
        r = aws_request(q)
        signer = signer_of(q, c, "Query")
        signer._expires = 60
        signer.add_auth(r)
        sent = fields(dict(q, query=urllib.parse.urlsplit(r.url).query), c)
        eq(d.ask(op="verify", **sent)["problem"], OK, r.url)
        eq(d.ask(op="verify", **dict(sent, now=NOW + 61))["problem"], 7)
        eq(d.ask(op="verify", **dict(sent, query=sent["query"] + "&b=2"))["problem"], MISMATCH)
    d.close()


main()
