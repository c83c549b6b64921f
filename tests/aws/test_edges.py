"""The edges of the network, seen through our client: bad addresses, bad certificates, metadata that never answer, a gigabyte, a byte a
second, proxies. Each ends in time with an error that names the cause, and memory stays bounded."""
# speed: slow
# runs: sanitized
import os
import socket
import ssl
import subprocess
import threading
import time

from awsdrive import Client
from pbtest import BUILD, case, eq, free_port, has, main, tempdir

GIGABYTE = 1 << 30
RSS_MAX = 120 << 20
SANITIZED = "san" in os.path.basename(BUILD.rstrip("/"))  # the sanitizers keep freed memory
BODY = b"<ListUsersResponse><ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult></ListUsersResponse>"
USERS = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Tcp:
    """A server that does `act(socket, request)` with each connection after its request has been read."""

    def __init__(self, act, tls=None, read=True):
        self.act, self.tls, self.read, self.requests = act, tls, read, []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.url = "http%s://127.0.0.1:%d" % ("s" if tls else "", self.port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            with self.tls.wrap_socket(s, server_side=True) if self.tls else s as c:
                data = b""
                while self.read and b"\r\n\r\n" not in data:
                    more = c.recv(65536)
                    if not more:
                        return
                    data += more
                self.requests.append(data)
                self.act(c, data)
        except OSError:
            pass


def silence(s, _):
    s.settimeout(30)
    s.recv(1 << 20)
    s.recv(1)


def trickle(s, _):
    s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        s.sendall(b"<")
        time.sleep(1)


def slow_headers(s, _):
    for c in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
        s.sendall(bytes([c]))
        time.sleep(1)


def gigabyte(s, _):
    s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % GIGABYTE)
    block = b" " * (1 << 20)
    for _ in range(1024):
        s.sendall(block)


def gigabyte_in_chunks(s, _):
    s.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    block = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    for _ in range(1024):
        s.sendall(block)


def users(s, _):
    s.sendall(USERS)


def peak(client):
    with open("/proc/%d/status" % client.p.pid, encoding="ascii") as f:
        return int([line for line in f if line.startswith("VmHWM")][0].split()[1]) << 10


def ends(url, code, *words, within=3.0, deadline_ms=2000, operation="iam.ListUsers", secret=None, **env):
    """A call that must end with this error in this time; the client's peak memory, its outcome."""
    c = Client(url, **env)
    start = time.time()
    o = c.call(operation, deadline_ms=deadline_ms)
    took = time.time() - start
    eq((o["code"], took < within), (code, True), "%s after %.1f s" % (o, took))
    for w in words:
        has(o["message"], w)
    if secret:
        eq(secret in o["message"], False)
    memory = peak(c)
    c.close()
    eq(memory < RSS_MAX or SANITIZED, True, "%d MiB" % (memory >> 20))
    return o


@case("bad endpoints: no such name, nobody there, not an address")
def _():
    ends("http://%s.example" % ("x" * 64), "connection_failed", "cannot be resolved")
    ends("http://127.0.0.1:%d" % free_port(), "connection_failed", "no connection to 127.0.0.1:")
    ends("127.0.0.1:80", "endpoint", "AWS_ENDPOINT_URL must be http://HOST or https://HOST")
    ends(None, "endpoint", "AWS_ENDPOINT_URL_IAM must be", AWS_ENDPOINT_URL_IAM="https://user:secret@host/")


@case("bad certificates: own, foreign name, no TLS at all, a handshake that never ends")
def _():
    d = tempdir()
    for name in ("IP:127.0.0.1", "DNS:elsewhere.example"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", d + "/key", "-out", d + "/cert", "-days", "2", "-subj", "/CN=t",
                        "-addext", "subjectAltName=" + name], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(d + "/cert", d + "/key")
        s = Tcp(users, tls)
        if name.startswith("IP"):
            ends(s.url, "tls_failed", "no trusted connection to 127.0.0.1:", "certificate", deadline_ms=4000, within=5)
            ends(s.url, "tls_failed", "no trusted connection", deadline_ms=4000, within=5, AWS_CA_BUNDLE=d + "/nothing")
        else:
            ends(s.url, "tls_failed", "no trusted connection to 127.0.0.1:", deadline_ms=4000, within=5, AWS_CA_BUNDLE=d + "/cert")
        eq(s.requests, [])
    plain = Tcp(users, read=False)
    ends(plain.url.replace("http:", "https:"), "tls_failed", "no trusted connection")
    ends(Tcp(silence, read=False).url.replace("http:", "https:"), "timeout", "could not be reached within")


@case("silence, a byte a second in body or headers: over at the deadline")
def _():
    for act in (silence, trickle, slow_headers):
        ends(Tcp(act).url, "timeout", "did not answer within")


@case("a gigabyte ends where the limit is, by length or in chunks; memory stays below 120 MiB")
def _():
    for act in (gigabyte, gigabyte_in_chunks):
        ends(Tcp(act).url, "response_too_large", "more than the 67108864 bytes allowed", deadline_ms=9000, within=9)


@case("metadata and containers that hang, trickle or never stop: no credentials, soon, in bounded memory")
def _():
    keyless = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "HOME": tempdir(), "AWS_EC2_METADATA_DISABLED": "false"}
    for act, words in ((silence, "did not answer within 1000 ms"), (trickle, "did not answer within 1000 ms"), (gigabyte, "more than the 65536 bytes allowed")):
        o = ends("http://127.0.0.1:1", "credentials", "no AWS credentials found; looked at AWS_ACCESS_KEY_ID (not set)", words, within=2.5,
                 AWS_EC2_METADATA_SERVICE_ENDPOINT=Tcp(act).url, **keyless)
        eq(o["meta"]["attempts"], 0)
    ends("http://127.0.0.1:1", "credentials", "no credentials in time; still waiting for the container's credentials",
         AWS_CONTAINER_CREDENTIALS_FULL_URI=Tcp(silence).url, **keyless)


@case("proxies: plain and by tunnel, exceptions, loopback never; a proxy's password is never shown")
def _():
    proxy = Tcp(users)
    where = "http://me:pass-WORD@127.0.0.1:%d" % proxy.port
    c = Client("http://aws.example", HTTP_PROXY=where)
    c.ok("iam.ListUsers")
    head = proxy.requests[0].decode()
    eq((head.split("\r\n")[0], "Proxy-Authorization: Basic bWU6cGFzcy1XT1JE" in head), ("POST http://aws.example/ HTTP/1.1", True))
    c.close()
    target = Tcp(users)
    c = Client(target.url, HTTP_PROXY=where, http_proxy=where)
    c.ok("iam.ListUsers")
    eq((len(target.requests), len(proxy.requests)), (1, 1))
    c.close()
    long_name = "x" * 64 + ".example"
    ends("http://" + long_name, "connection_failed", "cannot be resolved", HTTP_PROXY=where, NO_PROXY="a.b, .example:80")
    refusing = Tcp(lambda s, _: s.sendall(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"))
    ends("https://aws.example", "connection_failed", "through the proxy 127.0.0.1:%d: the proxy answered HTTP 407: it wants a user" % refusing.port,
             secret="pass-WORD", HTTPS_PROXY="http://me:pass-WORD@127.0.0.1:%d" % refusing.port)
    eq(refusing.requests[0].split(b"\r\n")[0], b"CONNECT aws.example:443 HTTP/1.1")
    port = free_port()
    ends("https://aws.example", "connection_failed", "aws.example through the proxy 127.0.0.1:%d" % port, secret="pass-WORD",
         HTTPS_PROXY="http://me:pass-WORD@127.0.0.1:%d" % port)
    ends("https://aws.example", "internal", "https_proxy (or HTTPS_PROXY) is not the address of a proxy", secret="pass-WORD", HTTPS_PROXY="ftp://me:pass-WORD@h")


main()
