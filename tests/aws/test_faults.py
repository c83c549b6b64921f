"""Everything that can go wrong on the wire: AWS refusing, throttling, breaking, lying, silent, half-dead; each call ends in time with
a clear error, is tried as often as it should be, and nothing is done twice. The other end is a raw socket here."""
# speed: slow
# runs: sanitized
import datetime
import email.utils
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from awsdrive import KEY, Client
from pbtest import case, eq, free_port, has, main, tempdir

USERS = ('<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users/><IsTruncated>false</IsTruncated>'
         '</ListUsersResult><ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></ListUsersResponse>')
PUBLISHED = ('<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId></PublishResult>'
             '<ResponseMetadata><RequestId>req-2</RequestId></ResponseMetadata></PublishResponse>')
DONE = ('<UpdateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>req-3</RequestId>'
        '</ResponseMetadata></UpdateAccessKeyResponse>')


def query_error(code, message="because"):
    return "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>req-e</RequestId></ErrorResponse>" % (code, message)


def answer(status, body="", headers=(), keep=True, length=None):
    """A behaviour: a whole HTTP answer."""
    def act(sock, _request):
        data = body.encode()
        head = "HTTP/1.1 %d X\r\ncontent-length: %d\r\n" % (status, len(data) if length is None else length)
        for k, v in dict(headers).items():
            head += "%s: %s\r\n" % (k, v)
        sock.sendall(head.encode() + ("" if keep else "connection: close\r\n").encode() + b"\r\n" + data)
        return keep
    return act


def raw(data):
    def act(sock, _request):
        sock.sendall(data)
        return False
    return act


def drop(_sock, _request):
    return False


def silence(sock, _request):
    sock.settimeout(30)
    try:
        sock.recv(1)
    except OSError:
        pass
    return False


def trickle(sock, _request):
    data = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"<" * 1000
    try:
        for b in data:
            sock.sendall(bytes([b]))
            time.sleep(0.02)
    except OSError:
        pass
    return False


def huge(sock, _request):
    sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 90000000\r\n\r\n")
    try:
        for _ in range(90):
            sock.sendall(b" " * 1000000)
    except OSError:
        pass
    return False


class Server:
    """Each request gets the next behaviour; the last one stays. Keeps what it has read."""

    def __init__(self, *acts, tls=None):
        self.acts, self.requests, self.connections, self.tls = list(acts), [], 0, tls
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = "http%s://127.0.0.1:%d" % ("s" if tls else "", self.sock.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            if self.tls:
                s = self.tls.wrap_socket(s, server_side=True)
            with s:
                while True:
                    request = self.read(s)
                    if not request:
                        return
                    self.requests.append(request)
                    act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                    if not act(s, request):
                        return
        except OSError:
            pass

    @staticmethod
    def read(s):
        data = b""
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        m = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while m and len(body) < int(m.group(1)):
            body += s.recv(65536)
        return head.decode() + "\r\n\r\n" + body.decode(errors="replace")

    def close(self):
        self.sock.close()


def one(operation, *acts, deadline_ms=8000, env=None, tls=None, **kw):
    """One call against these behaviours: (outcome, server). The server is still there, to be looked at."""
    server = Server(*acts, tls=tls)
    client = Client(server.url, **(env or {}))
    try:
        o = client.call(operation, deadline_ms=deadline_ms, **kw)
        eq(o["ms"] < deadline_ms + 500, True, "took %d ms of %d" % (o["ms"], deadline_ms))
        client.close()
        return o, server
    finally:
        server.close()


def header(request, name):
    m = re.search(r"(?im)^%s: *(.*?)\r?$" % re.escape(name), request)
    return m and m.group(1)


@case("a good answer: value, request id, region, one attempt, a signed request")
def _():
    o, s = one("iam.ListUsers", answer(200, USERS))
    eq((o["ok"], o["value"]), (True, {"Users": [], "IsTruncated": False}))
    eq(o["meta"], {"operation": "iam.ListUsers", "region": "us-east-1", "attempts": 1, "http_status": 200, "request_id": "req-1"})
    auth = header(s.requests[0], "authorization")
    has(auth, "Credential=%s/" % KEY)
    has(auth, "/us-east-1/iam/aws4_request")
    has(auth, "x-amz-security-token")
    has(header(s.requests[0], "user-agent"), "pbrun/")


@case("a refusal is final, keeps AWS's code and names status, request id and cure")
def _():
    for status, code, cure in ((403, "AccessDenied", "not allowed"), (400, "ValidationError", ""), (409, "LimitExceeded", ""),
                               (403, "InvalidClientTokenId", "AWS_ACCESS_KEY_ID"), (403, "ExpiredToken", "expired")):
        o, s = one("iam.ListUsers", answer(status, query_error(code)))
        eq((o["ok"], o["code"], len(s.requests), o["meta"]["http_status"]), (False, code, 1, status))
        has(o["message"], "iam.ListUsers: because (HTTP %d, request id req-e)" % status)
        has(o["message"], cure)


@case("an attacker's line ends and escapes do not reach the message")
def _():
    o, _ = one("iam.ListUsers", answer(400, query_error("ValidationError", "a&#10;b&#9;c " + "x" * 9000)))
    eq([c for c in o["message"] if ord(c) < 32], [])
    eq(len(o["message"]) < 2300, True)


@case("throttled twice, then done: three tries, both pauses on record")
def _():
    slow = answer(400, query_error("Throttling", "Rate exceeded"))
    o, s = one("iam.ListUsers", slow, slow, answer(200, USERS))
    eq((o["ok"], len(s.requests), o["meta"]["attempts"]), (True, 3, 3))
    eq([r["code"] for r in o["meta"]["retries"]], ["Throttling", "Throttling"])
    eq(s.connections, 1, "connections")


@case("throttled for ever: eight tries, or as many as AWS_MAX_ATTEMPTS says")
def _():
    slow = answer(503, query_error("SlowDown"))
    o, s = one("iam.ListUsers", slow)
    eq((o["code"], len(s.requests)), ("SlowDown", 8))
    has(o["message"], "after several tries")
    o, s = one("iam.ListUsers", slow, env={"AWS_MAX_ATTEMPTS": "3"})
    eq((o["code"], len(s.requests)), ("SlowDown", 3))


@case("a pause that would pass the deadline is not begun")
def _():
    o, s = one("iam.ListUsers", answer(503, query_error("SlowDown"), {"Retry-After": "9"}), deadline_ms=1500)
    eq((o["code"], len(s.requests)), ("SlowDown", 1))
    eq(o["ms"] < 500, True, o["ms"])


@case("500 and 503 are tried again, writes too: AWS said that it broke")
def _():
    o, s = one("sns.Publish", answer(500, query_error("InternalError")), answer(503, ""), answer(200, PUBLISHED), TopicArn="arn:aws:sns:eu-west-1:1:t",
               Message="m")
    eq((o["ok"], len(s.requests), o["value"]), (True, 3, {"MessageId": "m-1"}))


@case("a lost answer: reads and harmless writes are tried again")
def _():
    for operation, kw, last in (("iam.ListUsers", {}, USERS), ("iam.UpdateAccessKey", {"AccessKeyId": KEY, "Status": "Inactive"}, DONE)):
        for lost in (drop, answer(200, "<half", length=5000, keep=False), answer(504, "")):
            o, s = one(operation, lost, lost, answer(200, last), **kw)
            eq((o["ok"], len(s.requests)), (True, 3), operation + o["message"])
    o, s = one("iam.ListUsers", drop)
    eq((o["code"], len(s.requests)), ("connection_failed", 4))


@case("a lost answer: what could be done twice is not sent again")
def _():
    for lost in (drop, answer(200, "<half", length=5000, keep=False), answer(504, ""), answer(502, "<html>"), raw(b"220 smtp ready\r\n")):
        o, s = one("sns.Publish", lost, answer(200, PUBLISHED), TopicArn="arn:aws:sns:eu-west-1:1:t", Message="m")
        eq((o["code"], len(s.requests)), ("outcome_unknown", 1))
        has(o["message"], "may or may not")
    o, s = one("sns.Publish", silence, deadline_ms=700, TopicArn="arn:aws:sns:eu-west-1:1:t", Message="m")
    eq((o["code"], len(s.requests)), ("outcome_unknown", 1))


@case("a kept connection that dies under a second request does not make that be sent twice")
def _():
    server = Server(answer(200, PUBLISHED), drop, answer(200, PUBLISHED))
    client = Client(server.url)
    kw = {"TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": "m"}
    eq(client.call("sns.Publish", **kw)["ok"], True)
    eq(client.call("sns.Publish", **kw)["code"], "outcome_unknown")
    eq(len(server.requests), 2)
    client.close()
    server.close()


@case("connections are kept and used again")
def _():
    server = Server(answer(200, USERS))
    client = Client(server.url)
    for _ in range(5):
        client.ok("iam.ListUsers")
    eq((server.connections, len(server.requests)), (1, 5))
    client.close()
    server.close()


@case("garbage instead of an answer")
def _():
    for act in (answer(200, "\x00\x01garbage<<<>"), answer(200, ""), answer(200, "<html><body>login</body></html>"),
                answer(404, "<html>not here</html>"), raw(b"garbage\r\n\r\n"), answer(200, "<a>" * 100000),
                answer(200, '<!DOCTYPE a [<!ENTITY b "' + "c" * 1000 + '"><!ENTITY d "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&d;&d;&d;</a>')):
        o, s = one("iam.ListUsers", act)
        eq((o["ok"], len(s.requests)), (False, 1))
        eq(len(o["message"]) > 20, True, o["message"])
    o, _ = one("ssm.DescribeParameters", answer(200, "[" * 100000))
    eq((o["ok"], o["code"]), (False, "InvalidResponse"))


@case("silence, one byte at a time, no end: an error by the deadline")
def _():
    for act in (silence, trickle):
        o, _ = one("iam.ListUsers", act, deadline_ms=900)
        eq(o["code"], "timeout")
        has(o["message"], "127.0.0.1")


@case("an answer without measure")
def _():
    o, s = one("iam.ListUsers", huge)
    eq((o["code"], len(s.requests)), ("response_too_large", 1))
    o, s = one("iam.ListUsers", answer(200, USERS, {"x-%d" % i: "y" * 1000 for i in range(200)}))
    eq((o["code"], len(s.requests)), ("response_too_large", 1))


@case("nobody there")
def _():
    client = Client("http://127.0.0.1:%d" % free_port())
    o = client.call("sns.Publish", TopicArn="arn:aws:sns:eu-west-1:1:t", Message="m")
    eq((o["code"], o["meta"]["attempts"]), ("connection_failed", 4))
    client.close()


@case("redirects are not followed")
def _():
    elsewhere = Server(answer(200, USERS))
    o, s = one("iam.ListUsers", answer(302, "", {"Location": elsewhere.url + "/"}))
    eq((o["ok"], len(s.requests), elsewhere.connections), (False, 1, 0))
    elsewhere.close()


def certificate(name):
    d = tempdir()
    cert, key = os.path.join(d, "cert.pem"), os.path.join(d, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=test",
                    "-addext", "subjectAltName=" + name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


@case("TLS: an unknown issuer and a foreign name are refused, AWS_CA_BUNDLE is obeyed")
def _():
    tls, cert = certificate("IP:127.0.0.1")
    o, s = one("iam.ListUsers", answer(200, USERS), tls=tls)
    eq((o["code"], len(s.requests)), ("tls_failed", 0))
    o, s = one("iam.ListUsers", answer(200, USERS), tls=tls, env={"AWS_CA_BUNDLE": cert})
    eq((o["ok"], len(s.requests)), (True, 1), o["message"])
    tls, cert = certificate("DNS:iam.amazonaws.com")
    o, s = one("iam.ListUsers", answer(200, USERS), tls=tls, env={"AWS_CA_BUNDLE": cert})
    eq((o["code"], len(s.requests)), ("tls_failed", 0))


def amz_time(request):
    return datetime.datetime.strptime(header(request, "x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def sixty_minutes_ahead(sock, request):
    ahead = time.time() + 3600
    date = {"Date": email.utils.formatdate(ahead, usegmt=True)}
    good = abs(amz_time(request) - ahead) < 300
    return (answer(200, USERS, date) if good else answer(403, query_error("SignatureDoesNotMatch", "Signature expired"), date))(sock, request)


@case("a wrong clock is corrected by AWS's, once, and stays corrected")
def _():
    server = Server(sixty_minutes_ahead)
    client = Client(server.url)
    client.ok("iam.ListUsers")
    eq(len(server.requests), 2)
    client.ok("iam.ListUsers")
    eq(len(server.requests), 3)
    client.close()
    server.close()
    now = {"Date": email.utils.formatdate(usegmt=True)}
    o, s = one("iam.ListUsers", answer(403, query_error("SignatureDoesNotMatch"), now))
    eq((o["code"], len(s.requests)), ("SignatureDoesNotMatch", 1), "with a right clock it is the key")
    far = iter(range(10))
    o, s = one("iam.ListUsers", lambda sock, r: answer(403, query_error("RequestExpired"), {
        "Date": email.utils.formatdate(time.time() + 7200 * (1 + next(far)), usegmt=True)})(sock, r))
    eq((o["code"], len(s.requests)), ("RequestExpired", 2), "once only")


S3_MOVED = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message><RequestId>r</RequestId></Error>"
LOCATION = '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">us-west-2</LocationConstraint>'


@case("a bucket in another region is followed there, once, and only to a region")
def _():
    moved = answer(301, S3_MOVED, {"x-amz-bucket-region": "us-west-2"})
    o, s = one("s3.GetBucketLocation", moved, answer(200, LOCATION), Bucket="b-1")
    eq((o["ok"], o["value"], o["meta"]["region"]), (True, {"LocationConstraint": "us-west-2"}, "us-west-2"))
    has(header(s.requests[0], "authorization"), "/eu-west-1/s3/")
    has(header(s.requests[1], "authorization"), "/us-west-2/s3/")
    o, s = one("s3.GetBucketLocation", moved, answer(301, S3_MOVED, {"x-amz-bucket-region": "us-west-1"}), Bucket="b-1")
    eq((o["code"], len(s.requests)), ("PermanentRedirect", 2))
    o, s = one("s3.GetBucketLocation", answer(301, S3_MOVED, {"x-amz-bucket-region": "evil.example.org/"}), Bucket="b-1")
    eq((o["code"], len(s.requests)), ("PermanentRedirect", 1))


RUN = '<CreateVolumeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><volumeId>vol-1</volumeId></CreateVolumeResponse>'


@case("an idempotency token is made, stays the same over tries and for the same step, and lets a lost answer be retried")
def _():
    tokens = []
    for seed in ("run/1", "run/1", "run/2"):
        o, s = one("ec2.CreateVolume", drop, answer(500, ""), answer(200, RUN), AvailabilityZone="eu-west-1a", _seed=seed)
        eq((o["ok"], len(s.requests)), (True, 3), o["message"])
        seen = {re.search(r"ClientToken=([0-9a-f-]{36})(&|$)", r).group(1) for r in s.requests}
        eq(len(seen), 1)
        tokens.append(seen.pop())
    eq((tokens[0] == tokens[1], tokens[0] == tokens[2]), (True, False))
    o, s = one("ec2.CreateVolume", answer(200, RUN), AvailabilityZone="eu-west-1a", ClientToken="mine")
    has(s.requests[0], "ClientToken=mine")


@case("a 200 in which a part failed is an error with the first part's code")
def _():
    body = '{"ProcessedFindings":[],"UnprocessedFindings":[{"FindingIdentifier":{"Id":"a","ProductArn":"b"},"ErrorCode":"FindingNotFound","ErrorMessage":"gone"}]}'
    o, s = one("securityhub.BatchUpdateFindings", answer(200, body, {"content-type": "application/json"}),
               FindingIdentifiers=[{"Id": "a", "ProductArn": "b"}], Confidence=1)
    eq((o["code"], len(s.requests)), ("PartialFailure", 1))
    has(o["message"], "FindingNotFound: gone")


@case("without credentials, with a bad input or region nothing is sent")
def _():
    server = Server(answer(200, USERS))
    for env, kw, code, word in (({"AWS_ACCESS_KEY_ID": ""}, {}, "credentials", "AWS_ACCESS_KEY_ID"),
                                ({"AWS_SECRET_ACCESS_KEY": "SECRETwJalrXUtnFEMI\n"}, {}, "credentials", "AWS_SECRET_ACCESS_KEY"),
                                ({}, {"Nonsense": 1}, "ParamValidation", "Nonsense"), ({}, {"MaxItems": "x"}, "ParamValidation", "MaxItems"),
                                ({}, {"_region": "x.evil.org/"}, "region", "region"), ({"AWS_REGION": ""}, {}, "region", "AWS_REGION"),
                                ({"AWS_ENDPOINT_URL": "gopher://x"}, {}, "endpoint", "AWS_ENDPOINT_URL")):
        client = Client(server.url, **env)
        o = client.call("iam.ListUsers", **kw)
        eq((o["ok"], o["code"]), (False, code), o["message"])
        has(o["message"], word)
        client.close()
    eq(server.connections, 0)
    server.close()


main()
