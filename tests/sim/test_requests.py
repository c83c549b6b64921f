"""Signatures and requests that are wrong: the simulated account refuses each as AWS does, and stays up."""
# runs: sanitized
import base64
import datetime
import random
import socket
import zlib

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from account import KEY, SECRET, Account, refused
from pbtest import case, eq, has, main

account = Account()
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def send(data, finish=True):
    """Bytes as they are; everything that comes back until the end, or for a moment when nothing more is to be said."""
    with socket.create_connection(("127.0.0.1", account.port), timeout=0.5 if finish else 10) as s:
        try:
            s.sendall(data)
            if finish:
                s.shutdown(socket.SHUT_WR)
            out = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    return out.decode("latin-1")
                out += piece
        except OSError:
            if not finish:
                raise
            return ""


def request(method, path, headers, body, host=None):
    head = {"Host": host or "127.0.0.1:%d" % account.port, "Connection": "close", "Content-Length": str(len(body)), **headers}
    return send(("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, "".join("%s: %s\r\n" % h for h in head.items()))).encode() + body, finish=False)


def signed(service, body=b"", method="POST", path="/", headers=None, region="us-east-1", key=KEY, secret=SECRET, host=None, at=None):
    host = host or "127.0.0.1:%d" % account.port
    r = AWSRequest(method, "http://%s%s" % (host, path), data=body, headers={**(headers or {})})
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key, secret), service, region)
    if at:
        import botocore.auth
        clock = type("Clock", (datetime.datetime,), {"utcnow": classmethod(lambda cls: at)})
        saved, botocore.auth.datetime = botocore.auth.datetime, type("module", (), {"datetime": clock})
        try:
            auth.add_auth(r)
        finally:
            botocore.auth.datetime = saved
    else:
        auth.add_auth(r)
    return request(method, path, dict(r.headers.items()), body, host)


def error_of(answer, code, status):
    eq(int((answer + " 0 0").split(" ")[1] or 0), status, answer[:300])
    has(answer, code)


@case("a wrong secret, an unknown key: refused in each protocol's words")
def _():
    for service, call, wrong, unknown in (
            ("sts", lambda c: c.get_caller_identity(), "SignatureDoesNotMatch", "InvalidClientTokenId"),
            ("iam", lambda c: c.list_users(), "SignatureDoesNotMatch", "InvalidClientTokenId"),
            ("ec2", lambda c: c.describe_vpcs(), "AuthFailure", "AuthFailure"),
            ("ssm", lambda c: c.get_parameter(Name="x"), "InvalidSignatureException", "UnrecognizedClientException"),
            ("guardduty", lambda c: c.list_detectors(), "InvalidSignatureException", "UnrecognizedClientException"),
            ("s3", lambda c: c.list_buckets(), "SignatureDoesNotMatch", "InvalidAccessKeyId")):
        with refused(wrong):
            call(account.client(service, secret="another"))
        with refused(unknown):
            call(account.client(service, key="AKIANOSUCHKEY0000000"))


@case("no signature, half a signature")
def _():
    error_of(request("POST", "/", FORM, b"Action=GetCallerIdentity&Version=2011-06-15"), "MissingAuthenticationToken", 403)
    error_of(request("GET", "/some-bucket", {}, b""), "<Code>AccessDenied</Code>", 403)
    error_of(request("POST", "/", {**FORM, "Authorization": "AWS4-HMAC-SHA256 Credential=%s" % KEY}, b"Action=GetCallerIdentity&Version=2011-06-15"), "IncompleteSignature", 400)
    for junk in ("Basic YTpi", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=///,SignedHeaders=,Signature=", "x" * 5000):
        answer = request("POST", "/", {**FORM, "Authorization": junk}, b"Action=GetCallerIdentity&Version=2011-06-15")
        eq(answer.split(" ")[1] in ("400", "403"), True, answer[:200])


@case("a signature that is too old, or of tomorrow, is refused")
def _():
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    now = datetime.datetime.utcnow()
    has(signed("sts", body, headers=FORM, at=now), "GetCallerIdentityResult")
    for minutes in (-20, 20, -60 * 24 * 365):
        error_of(signed("sts", body, headers=FORM, at=now + datetime.timedelta(minutes=minutes)), "SignatureDoesNotMatch" if minutes else "", 403)


@case("a body or a path changed after signing is refused")
def _():
    def tamper(change):
        r = AWSRequest("POST", account.url + "/", data=b"Action=GetCallerIdentity&Version=2011-06-15", headers=dict(FORM))
        SigV4Auth(Credentials(KEY, SECRET), "sts", "us-east-1").add_auth(r)
        headers = dict(r.headers.items())
        body, path = r.data, "/"
        return change(headers, body, path)
    error_of(tamper(lambda h, b, p: request("POST", p, h, b + b"&x=1")), "SignatureDoesNotMatch", 403)
    error_of(tamper(lambda h, b, p: request("POST", p + "?x=1", h, b)), "SignatureDoesNotMatch", 403)
    error_of(tamper(lambda h, b, p: request("PUT", p, h, b)), "SignatureDoesNotMatch", 403)
    has(tamper(lambda h, b, p: request("POST", p, h, b)), "GetCallerIdentityResult")


@case("an operation that does not exist, and one that keeps no state here")
def _():
    error_of(signed("iam", b"Action=DoMagic&Version=2010-05-08", headers=FORM), "InvalidAction", 400)
    error_of(signed("ec2", b"Action=DoMagic&Version=2016-11-15", headers=FORM), "InvalidAction", 400)
    error_of(signed("ssm", b"{}", headers={"X-Amz-Target": "AmazonSSM.DoMagic", "Content-Type": "application/x-amz-json-1.1"}), "UnknownOperationException", 400)
    with refused("NotImplemented", 501, "ec2.DescribeNatGateways"):
        account.client("ec2").describe_nat_gateways()
    with refused("NotImplemented", 501, "lambda.ListLayers"):
        account.client("lambda").list_layers()
    with refused("NotImplemented", 501, "elbv2.DescribeLoadBalancers"):
        account.client("elbv2").describe_load_balancers()


@case("parameters that are missing or of the wrong kind")
def _():
    error_of(signed("iam", b"Action=CreateUser&Version=2010-05-08", headers=FORM), "MissingParameter", 400)
    error_of(signed("ec2", b"Action=StopInstances&Version=2016-11-15", headers=FORM), "MissingParameter", 400)
    error_of(signed("ec2", b"Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=many&MaxCount=1", headers=FORM), "Invalid", 400)
    error_of(signed("ssm", b'{"Names": {}}', headers={"X-Amz-Target": "AmazonSSM.GetParameters", "Content-Type": "application/x-amz-json-1.1"}), "Exception", 400)


@case("broken JSON, XML and forms are refused, not believed")
def _():
    target = {"X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"}
    for body in (b"{", b"[]", b"\xff\xfe", b'{"Name": "x"} trailing', b"[" * 5000, b'{"Name":' * 3000):
        error_of(signed("ssm", body, headers=target), "Exception", 400)
    for body in (b"", b"<", b"<a><b></a>", b"\x00\x01", b"<Tagging>" * 3000, b'<!DOCTYPE x [<!ENTITY a "b">]><Tagging>&a;</Tagging>'):
        answer = signed("s3", body, "PUT", "/no-such-bucket?tagging", {"Content-Type": "application/xml"})
        eq(answer.split(" ")[1] in ("400", "404"), True, answer[:200])
    for body in (b"", b"=", b"&&&&", b"%zz=%", b"Action", b"Action=&Version=", b"a.b.c.1.2=3&Action=RunInstances&Version=2016-11-15", b"Action=CreateTags&Version=2016-11-15&Tag.99999999999.Key=a",
                 b"Action=CreateTags&Version=2016-11-15&Tag.0.Key=a&Tag.-1.Key=b&ResourceId.1=\xff", b"Action=CreateTags&Version=2016-11-15" + b"&Tag.1.Key=a" * 5000):
        answer = signed("ec2", body, headers=FORM)
        eq(answer.split(" ")[1] in ("400", "403", "412"), True, answer[:200])


@case("garbage instead of HTTP")
def _():
    dice = random.Random(7)
    send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(dice.randrange(256) for _ in range(200)))
    for data in (b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /%00%ff?%00=%ff HTTP/1.1\r\nHost: \xff\r\n\r\n",
                 b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nAuthorization\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: " + b"b." * 20000 + b"\r\n\r\n"):
        send(data)
    for _ in range(200):
        base = bytearray(b"POST /v20180820/x?list-type=2 HTTP/1.1\r\nHost: b.localhost\r\nX-Amz-Target: AmazonSSM.GetParameter\r\nContent-Length: 4\r\n\r\nabcd")
        for _ in range(dice.randrange(1, 6)):
            base[dice.randrange(len(base))] = dice.randrange(256)
        send(bytes(base))
    account.alive()


@case("a request larger than 8 MB is refused before it is read")
def _():
    error_of(request("PUT", "/b/k", {"Content-Length": str(9 << 20)}, b""), "larger than", 413)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    send(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 9)
    account.alive()


@case("signed requests, changed at random, never bring it down")
def _():
    dice = random.Random(11)
    bodies = [("ec2", b"Action=RunInstances&Version=2016-11-15&ImageId=ami-12345678&MinCount=1&MaxCount=1&BlockDeviceMapping.1.Ebs.VolumeSize=8&TagSpecification.1.ResourceType=instance", FORM),
              ("iam", b"Action=PutUserPolicy&Version=2010-05-08&UserName=u&PolicyName=p&PolicyDocument=%7B%22Statement%22%3A%5B%5D%7D", FORM),
              ("ssm", b'{"Name": "n", "Value": "v", "Type": "String", "Tags": [{"Key": "a", "Value": "b"}]}', {"X-Amz-Target": "AmazonSSM.PutParameter", "Content-Type": "application/x-amz-json-1.1"})]
    for n in range(240):
        service, body, headers = bodies[n % 3]
        data = bytearray(body)
        for _ in range(dice.randrange(1, 8)):
            at = dice.randrange(len(data))
            if dice.random() < 0.3:
                del data[at:at + dice.randrange(1, 9)]
            else:
                data[at] = dice.choice(b"&=.%0123456789{}[]\",:\x00\xff<>aZ")
            data = data or bytearray(b"&")
        answer = signed(service, bytes(data), headers=headers)
        eq(answer.startswith("HTTP/1.1 "), True, answer[:100])
        eq(answer.split(" ")[1] in ("200", "400", "403", "404", "409", "412", "501"), True, repr(bytes(data)) + answer[:300])
    account.alive()


@case("S3 with the bucket in the host, signed over the host as sent")
def _():
    s3 = account.client("s3")
    s3.create_bucket(Bucket="in-the-host")
    answer = signed("s3", b"by host", "PUT", "/a%20key", {}, host="in-the-host.s3.us-east-1.amazonaws.com")
    error_of(answer, "ETag", 200)
    eq(s3.get_object(Bucket="in-the-host", Key="a key")["Body"].read(), b"by host")
    has(signed("s3", b"", "GET", "/?list-type=2", {}, host="in-the-host.localhost"), "<Key>a key</Key>")


@case("a body in chunks with its checksum behind it, as newer clients send")
def _():
    s3 = account.client("s3")
    s3.create_bucket(Bucket="chunks")
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length": "11"}
    trailer = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big")).decode()
    body = b"6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\n%s\r\n\r\n"

    def put(data):
        r = AWSRequest("PUT", account.url + "/chunks/k", data=data, headers=dict(headers))
        auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
        auth._should_sha256_sign_payload = lambda _: False
        auth.payload = lambda _: headers["X-Amz-Content-SHA256"]
        auth.add_auth(r)
        return request("PUT", "/chunks/k", dict(r.headers.items()), data)
    error_of(put(body % trailer.encode()), "ETag", 200)
    got = s3.get_object(Bucket="chunks", Key="k")
    eq((got["Body"].read(), got.get("ContentEncoding")), (b"hello world", None))
    error_of(put(body % b"x-amz-checksum-crc32:AAAAAA=="), "BadDigest", 400)
    for broken in (b"", b"6\r\nhello", b"zz\r\n", b"ffffffff\r\nx\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"0"):
        error_of(put(broken), "IncompleteBody", 400)


@case("an unknown region and an unknown service in the scope")
def _():
    error_of(signed("sts", b"Action=GetCallerIdentity&Version=2011-06-15", headers=FORM, region="moon-1"), "region", 403)
    error_of(signed("cheese", b"Action=GetCallerIdentity&Version=2011-06-15", headers=FORM), "service", 403)


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
