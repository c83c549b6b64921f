"""slack.post against a receiver on this machine that behaves like Slack: what is sent, how errors read, limits, outages; and
that neither token nor webhook address ever shows."""
# speed: slow
# runs: sanitized
import http.server
import json
import os
import subprocess
import threading
import time

from pbtest import BUILD, case, eq, free_port, has, main

SERVE = os.path.join(BUILD, "tests", "client")
TOKEN = "xoxb-SECRET-42-token"
HOOK = "/services/T0/B0/hookSECRET"


class Receiver:
    """Answers with the next of its answers, (status, headers, body) or a function of the handler; the last one stays."""

    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.seen.append((self.path, dict(self.headers.items()), body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if callable(answer):
                    answer(self)
                    return
                status, headers, text = answer
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def post(channel, text, env, deadline_ms=8000):
    """One message; the outcome. No secret may be in anything that comes out."""
    q = json.dumps({"slack": {"channel": channel, "text": text}, "deadline_ms": deadline_ms})
    p = subprocess.run([SERVE, "--serve"], input=q + "\n", capture_output=True, text=True, timeout=30, check=False,
                       env=dict(os.environ, **env), encoding="utf-8")
    eq(p.returncode, 0, p.stderr)
    for secret in ("SECRET", "hookSECRET"):
        eq(secret in p.stdout + p.stderr, False, "a secret in the output: " + p.stdout)
    return json.loads(p.stdout)


def api(*answers):
    r = Receiver(*answers)
    return r, {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": r.url + "/api/"}


OK = (200, {}, '{"ok":true,"channel":"C123","ts":"1700000000.000100","message":{}}')


def slack_error(code):
    return (200, {}, json.dumps({"ok": False, "error": code}))


@case("a message goes to chat.postMessage with the token in its header and comes back with channel and ts")
def _():
    r, env = api(OK)
    o = post("#alerts", "hello", env)
    eq((o["ok"], o["value"]), (True, {"channel": "C123", "ts": "1700000000.000100"}))
    path, headers, body = r.seen[0]
    eq(path, "/api/chat.postMessage")
    eq(headers["Authorization"], "Bearer " + TOKEN)
    eq(headers["Content-Type"], "application/json; charset=utf-8")
    eq(json.loads(body), {"channel": "#alerts", "text": "hello", "mrkdwn": False, "unfurl_links": False, "unfurl_media": False,
                          "link_names": False, "parse": "none"})
    eq(o["meta"]["attempts"], 1)
    r.close()


@case("text out of an event stays text: links, mentions, markup, quotes, control characters")
def _():
    r, env = api(OK)
    post("C1", 'user "<!channel> <https://evil.example|AWS console>" & \\ \u202e \u0007 ä漢😀', env)
    eq(json.loads(r.seen[0][2])["text"],
       'user "&lt;!channel&gt; &lt;https://evil.example|AWS console&gt;" &amp; \\ \ufffd   ä漢😀')
    post("C1", "x" * 50000, env)
    text = json.loads(r.seen[1][2])["text"]
    eq(len(text) < 4000, True)
    has(text, "46100 more characters left out")
    r.close()


@case("an incoming webhook is used when there is no token")
def _():
    r = Receiver((200, {}, "ok"))
    o = post("#alerts", "a < b", {"SLACK_WEBHOOK_URL": r.url + HOOK})
    eq((o["ok"], o["value"]), (True, {"channel": "#alerts"}))
    path, headers, body = r.seen[0]
    eq((path, "Authorization" in headers), (HOOK, False))
    eq(json.loads(body)["text"], "a &lt; b")
    r.close()


@case("Slack's errors keep their code and name a cure")
def _():
    for code, cure in (("channel_not_found", "invite the bot"), ("invalid_auth", "SLACK_BOT_TOKEN"), ("missing_scope", "chat:write"),
                       ("some_new_error", "documentation")):
        r, env = api(slack_error(code))
        o = post("#gone", "x", env)
        eq((o["ok"], o["code"], len(r.seen)), (False, code, 1))
        has(o["message"], cure)
        has(o["message"], "#gone")
        r.close()
    r = Receiver((404, {}, "no_service"))
    o = post("#a", "x", {"SLACK_WEBHOOK_URL": r.url + HOOK})
    eq((o["ok"], o["code"]), (False, "no_service"))
    has(o["message"], "SLACK_WEBHOOK_URL")
    r.close()


@case("what is not Slack's answer is not taken for one")
def _():
    for body in ("<html>login</html>", "", "[]", '{"ok":"true"}', '{"ok":false,"error":"<b>\\u0000"}', "{" * 5000):
        r, env = api((200, {}, body))
        o = post("#a", "x", env)
        eq((o["ok"], o["code"]), (False, "InvalidResponse"), body[:20])
        r.close()


@case("nothing set up: says what to set; settings that cannot be right are named")
def _():
    o = post("#a", "x", {})
    eq(o["code"], "slack_not_configured")
    has(o["message"], "SLACK_BOT_TOKEN")
    has(o["message"], "SLACK_WEBHOOK_URL")
    for env, word in (({"SLACK_BOT_TOKEN": "xoxb-SECRET\nX-Evil: 1"}, "SLACK_BOT_TOKEN"),
                      ({"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": "http://slack.example.org/api"}, "https://"),
                      ({"SLACK_WEBHOOK_URL": "http://hooks.example.org/hookSECRET"}, "SLACK_WEBHOOK_URL")):
        o = post("#a", "x", env)
        eq(o["code"], "slack_not_configured")
        has(o["message"], word)
    eq(post("", "x", {"SLACK_BOT_TOKEN": TOKEN})["code"], "invalid_arguments")


@case("429 waits as long as Slack says, unless that is longer than the step has")
def _():
    r, env = api((429, {"Retry-After": "1"}, ""), OK)
    o = post("#a", "x", env)
    eq((o["ok"], len(r.seen), o["meta"]["attempts"]), (True, 2, 2))
    eq(950 <= o["ms"] < 4000, True, o["ms"])
    r.close()
    r, env = api((429, {"Retry-After": "30"}, ""))
    o = post("#a", "x", env, deadline_ms=3000)
    eq((o["ok"], o["code"], len(r.seen)), (False, "ratelimited", 1))
    eq(o["ms"] < 1500, True, "gave up at once")
    r.close()


@case("an answer 5xx is tried again")
def _():
    r, env = api((503, {"Retry-After": "1"}, "upstream"), OK)
    eq(post("#a", "x", env)["ok"], True)
    eq(len(r.seen), 2)
    r.close()
    r, env = api((500, {}, ""))
    o = post("#a", "x", env, deadline_ms=2500)
    eq((o["ok"], o["code"]), (False, "slack_unavailable"))
    r.close()


@case("a lost answer is not tried again: the message may have been posted")
def _():
    def drop(handler):
        handler.close_connection = True
        handler.connection.shutdown(2)

    def hang(handler):
        time.sleep(3)
        handler.close_connection = True

    for answer in (drop, hang):
        r, env = api(answer)
        o = post("#a", "x", env, deadline_ms=1200)
        eq((o["ok"], o["code"], len(r.seen)), (False, "outcome_unknown", 1), answer.__name__)
        eq(o["ms"] < 1500, True)
        r.close()


@case("Slack down: an error in time")
def _():
    o = post("#a", "x", {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": "http://127.0.0.1:%d" % free_port()}, deadline_ms=2000)
    eq((o["ok"], o["code"]), (False, "connection_failed"))
    eq(o["ms"] < 2200, True)
    has(o["message"], "127.0.0.1")


main()
