"""How often and how fast the client sends: the budget of retries that all calls share, and the rate of the adaptive mode beside botocore's."""
# runs: sanitized
import json
import os
import random
import subprocess
import sys
import threading
import http.server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from botocore.retries import adaptive, bucket, throttling

from awsdrive import Client
from pbtest import BUILD, case, eq, has, main


def ask(**q):
    p = subprocess.run([os.path.join(BUILD, "tests", "pages"), "--serve"], input=json.dumps(q) + "\n", capture_output=True, text=True, timeout=30, check=True)
    return json.loads(p.stdout)


class Clock:
    now = 0.0

    def current_time(self):
        return self.now


class Detector:
    answer = False

    def is_throttling_error(self, **_):
        return self.answer


@case("the adaptive rate follows botocore's, over random histories of answers and throttling")
def _():
    for seed in range(12):
        rng, clock, detector = random.Random(seed), Clock(), Detector()
        now, events = 1000000, []
        for _ in range(400):
            events.append([now, rng.random() < (0.08 if seed % 3 else 0.0) or (seed % 3 == 0 and rng.random() < 0.01)])
            now += rng.choice([1, 5, 20, 60, 400 if rng.random() < 0.05 else 30])
        clock.now = events[0][0] / 1000
        tokens = bucket.TokenBucket(max_rate=1, clock=clock)
        clocker = adaptive.RateClocker(clock)
        limiter = adaptive.ClientRateLimiter(rate_adjustor=throttling.CubicCalculator(starting_max_rate=0.5, start_time=clock.now), rate_clocker=clocker,
                                             token_bucket=tokens, throttling_detector=detector, clock=clock)
        got = ask(rates=events)
        for (at, throttled), (measured, fill) in zip(events, got):
            clock.now, detector.answer = at / 1000, throttled
            limiter.on_receiving_response()
            for ours, theirs, what in ((measured, clocker.measured_rate, "measured"), (fill, tokens.max_rate, "fill")):
                if abs(ours - theirs) > 1e-6 * max(1, abs(theirs)):
                    raise AssertionError("seed %d, at %d ms: %s rate %r, botocore: %r" % (seed, at, what, ours, theirs))


USERS = ('<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users/><IsTruncated>false</IsTruncated>'
         '</ListUsersResult></ListUsersResponse>')
SLOW = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>q</RequestId></ErrorResponse>"


class Server:
    def __init__(self, *script):
        self.script, self.count = list(script), 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.count += 1
                status, body = server.script.pop(0) if len(server.script) > 1 else server.script[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.http.server_address[1]


@case("a hundred retries, then the budget is used up: calls fail at once, with AWS's error and the reason; successes fill it again")
def _():
    server = Server((400, SLOW))
    client = Client(server.url, PB_RETRY_BASE_MS="1")
    attempts = []
    for _ in range(20):
        o = client.call("iam.ListUsers")
        eq((o["ok"], o["code"]), (False, "Throttling"))
        attempts.append(o["meta"]["attempts"])
    eq((attempts[:14], attempts[14:]), ([8] * 14, [3] + [1] * 5))
    has(o["message"], "the budget of retries that all calls share is used up")
    server.script = [(200, USERS)]
    for _ in range(10):
        eq(client.call("iam.ListUsers")["ok"], True)
    server.script = [(400, SLOW)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(2)], [3, 1])
    server.script = [(200, USERS)]
    for _ in range(5):
        client.call("iam.ListUsers")
    server.script = [(400, SLOW), (200, USERS)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(1)], [2])
    server.script = [(400, SLOW), (200, USERS)]
    eq([client.call("iam.ListUsers")["meta"]["attempts"] for _ in range(1)], [2], "what the retry took has come back: ")
    client.close()


@case("AWS_MAX_ATTEMPTS is the number of tries in all")
def _():
    server = Server((400, SLOW))
    for n in (1, 3):
        client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_MAX_ATTEMPTS=str(n))
        eq(client.call("iam.ListUsers")["meta"]["attempts"], n)
        client.close()


@case("adaptive mode waits for its place after throttling, and says when that would be too late; other services are not slowed down")
def _():
    server = Server((400, SLOW), (200, USERS))
    client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_RETRY_MODE="adaptive")
    o = client.call("iam.ListUsers", deadline_ms=800)
    eq((o["ok"], o["code"], o["ms"] < 500), (False, "rate_limited", True))
    has(o["message"], "adaptive")
    server.script = [(200, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")]
    eq(client.call("sts.GetCallerIdentity")["ms"] < 500, True)
    server.script = [(200, USERS)]
    o = client.call("iam.ListUsers", deadline_ms=8000)
    eq((o["ok"], 1000 < o["ms"] < 3500), (True, True), "%d ms: " % o["ms"])
    client.close()
    server.script = [(400, SLOW), (200, USERS)]
    client = Client(server.url, PB_RETRY_BASE_MS="1", AWS_RETRY_MODE="standard")
    o = client.call("iam.ListUsers", deadline_ms=800)
    eq((o["ok"], o["ms"] < 500), (True, True))
    client.close()


@case("a mode that does not exist is refused")
def _():
    client = Client("http://127.0.0.1:9", AWS_RETRY_MODE="eager")
    o = client.call("iam.ListUsers")
    eq((o["ok"], o["code"]), (False, "configuration"))
    has(o["message"], "AWS_RETRY_MODE")
    client.close()


main()
