"""S3 as an independent server understands it: s3rver (npm) reads our requests and writes its own XML. Objects' names with every kind
of odd character, buckets made, listed and removed. It takes the Authorization header apart and looks the key up but does not compute
SigV4; that is test_sigv4's. Skipped when npm cannot fetch it."""
import base64
import subprocess
import tempfile
import time
import urllib.request

from awsdrive import Client
from npm import NODE, install
from pbtest import Skip, case, eq, free_port, has, main, tempdir

PORT = free_port()
KEYS = ["plain", "dir/sub/x", "with space", "a+b", "a%2Fb", "ünï/漢😀", "q?x=1&y=2#z", "semi;colon,=", "~tilde-_.", "tail/", "(1)*'!\"<&>"]
_state = {}


def server():
    """The one server of this file, started at the first use."""
    if "why" in _state:
        raise Skip(_state["why"])
    if "p" in _state:
        return
    try:
        install()
    except Skip as e:
        _state["why"] = str(e)
        raise
    log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
    _state["p"] = subprocess.Popen(["node", "node_modules/.bin/s3rver", "-d", tempdir(), "-p", str(PORT), "-a", "127.0.0.1", "--no-vhost-buckets"],
                                   cwd=NODE, stdout=log, stderr=log)
    for _ in range(100):
        try:
            urllib.request.urlopen("http://127.0.0.1:%d/" % PORT, timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    log.seek(0)
    raise AssertionError("s3rver did not start: %s" % log.read()[-2000:])


def client(**env):
    server()
    return Client("http://127.0.0.1:%d" % PORT, **dict({"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER",
                                                        "AWS_SESSION_TOKEN": None}, **env))


@case("buckets are made, listed, found and removed")
def _():
    c = client()
    c.ok("s3.CreateBucket", Bucket="one-bucket")
    c.ok("s3.CreateBucket", Bucket="dotted.bucket.name")
    names = [b["Name"] for b in c.ok("s3.ListBuckets")["Buckets"]]
    eq({"one-bucket", "dotted.bucket.name"} <= set(names), True, names)
    c.ok("s3.HeadBucket", Bucket="dotted.bucket.name")
    c.ok("s3.GetBucketLocation", Bucket="one-bucket")
    c.ok("s3.DeleteBucket", Bucket="dotted.bucket.name")
    o = c.call("s3.HeadBucket", Bucket="dotted.bucket.name")
    eq((o["ok"], o["meta"]["http_status"]), (False, 404))
    eq(c.call("s3.CreateBucket", Bucket="one-bucket")["ok"], False)
    o = c.call("s3.DeleteBucket", Bucket="never-was")
    eq(o["code"], "NoSuchBucket")
    c.close()


@case("objects of every odd name keep their bytes and metadata")
def _():
    c = client()
    c.ok("s3.CreateBucket", Bucket="objects")
    body = "bytes \x00 ä漢😀\r\n end"
    for key in KEYS:
        c.ok("s3.PutObject", Bucket="objects", Key=key, Body=body, ContentType="text/x-odd", Metadata={"incident": "i-1  twice"})
        o = c.ok("s3.GetObject", Bucket="objects", Key=key)
        eq(base64.b64decode(o["Body"]).decode(), body, key)
        eq((o["ContentType"], o["Metadata"].get("incident")), ("text/x-odd", "i-1  twice"), key)
        eq(c.ok("s3.HeadObject", Bucket="objects", Key=key)["ContentLength"], len(body.encode()), key)
    listed = sorted(x["Key"] for x in c.ok("s3.ListObjectsV2", Bucket="objects")["Contents"])
    eq(listed, sorted(KEYS))
    eq([x["Key"] for x in c.ok("s3.ListObjectsV2", Bucket="objects", Prefix="dir/")["Contents"]], ["dir/sub/x"])
    o = c.call("s3.GetObject", Bucket="objects", Key="missing")
    eq((o["code"], o["meta"]["http_status"]), ("NoSuchKey", 404))
    c.close()


@case("copies, ranges, deletes of one and of many")
def _():
    c = client()
    c.ok("s3.CreateBucket", Bucket="moves")
    for i in range(5):
        c.ok("s3.PutObject", Bucket="moves", Key="k%d" % i, Body="0123456789")
    c.ok("s3.CopyObject", Bucket="moves", Key="copy", CopySource="moves/k0")
    o = c.ok("s3.GetObject", Bucket="moves", Key="copy", Range="bytes=2-4")
    eq(base64.b64decode(o["Body"]), b"234")
    c.ok("s3.DeleteObject", Bucket="moves", Key="copy")
    o = c.ok("s3.DeleteObjects", Bucket="moves", Delete={"Objects": [{"Key": "k%d" % i} for i in range(4)]})
    eq(sorted(x["Key"] for x in o["Deleted"]), ["k0", "k1", "k2", "k3"])
    eq([x["Key"] for x in c.ok("s3.ListObjectsV2", Bucket="moves")["Contents"]], ["k4"])
    c.close()


@case("an unknown access key is refused, and says so")
def _():
    c = client(AWS_ACCESS_KEY_ID="NOBODY")
    o = c.call("s3.ListBuckets")
    eq(o["code"], "InvalidAccessKeyId")
    has(o["message"], "AWS_ACCESS_KEY_ID")
    c.close()


try:
    main()
finally:
    if "p" in _state:
        _state["p"].terminate()
        _state["p"].wait(10)
