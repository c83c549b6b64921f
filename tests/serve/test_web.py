"""The page of pbrun serve and the JSON behind it: who may read, headers of every answer, and a real browser that uses it by keyboard while every text
in it is an attacker's."""
# runs: sanitized
# speed: slow
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.parse

import npm
from history import HOSTILE, LINK_SECRET, UI_TOKEN, History
from pbtest import PBRUN, Skip, case, eq, has, main, tempdir

h = History().fill()
ID = h.ids["done"]
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
       "form-action 'self'")
# As a person reads it: what steers a display is shown as a mark.
SHOWN = "<script>window.pwned=1</script>\"><img src=x onerror=window.pwned=2> \u00bf[31mred\u00bf]0;title\u00bf \u00bfevil ' OR 1=1 {{7*7}}"


class Server:
    def __init__(self, book=None, **env):
        self.log_path = os.path.join(tempdir(), "log")
        full = h.lab.env(**dict({"PB_PARAM_UI": UI_TOKEN, "PB_PARAM_LINKS": LINK_SECRET}, **env))
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([PBRUN, "serve", "-p", book or h.book, "--store", h.store, "--listen", "127.0.0.1:0"], stderr=log, env=full)
        atexit.register(self.process.kill)  # also when a case fails
        end = time.time() + 20
        while "listening" not in self.log():
            if time.time() > end or self.process.poll() is not None:
                raise AssertionError("the server did not start: " + self.log())
            time.sleep(0.02)
        self.url = re.search(r"http://127\.0\.0\.1:\d+", self.log()).group(0)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ask(self, path, method="GET", token=None, body=None, **headers):
        c = http.client.HTTPConnection(self.url[7:], timeout=20)
        if token:
            headers["Authorization"] = "Bearer " + token
        c.request(method, path, body, headers)
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, text, r.headers

    def get(self, path, **more):
        status, text, _ = self.ask(path, token=UI_TOKEN, **more)
        eq(status, 200, text)
        return json.loads(text)

    def login(self, token=UI_TOKEN, peer=None):
        more = {"X-Forwarded-For": peer} if peer else {}
        return self.ask("/ui/login", "POST", body=urllib.parse.urlencode({"token": token}), **more)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        eq(self.process.wait(30), 0, self.log())


server = Server()


@case("without a token nobody reads; with the wrong one neither; the token as a header or a session as a cookie do")
def _():
    for path in ("/api/state", "/api/runs", "/api/runs/" + ID, "/api/runs/" + ID + "/evidence", "/api/approvals"):
        status, text, headers = server.ask(path)
        eq((status, json.loads(text), headers["WWW-Authenticate"]), (401, {"error": "log in first"}, "Bearer realm=\"pbrun\""), path)
        for wrong in (UI_TOKEN[:-1], UI_TOKEN + "x", "x" * len(UI_TOKEN)):
            eq(server.ask(path, token=wrong, **{"X-Forwarded-For": "192.0.2.1"})[0], 401, path)
        eq(server.ask(path, token=UI_TOKEN)[0], 200, path)
    for cookie in ("pbrun=", "pbrun=" + "0" * 64, "pbrun=" + UI_TOKEN, "__Host-pbrun=" + "0" * 64):
        eq(server.ask("/api/runs", Cookie=cookie)[0], 401, cookie)
    status, text, headers = server.login()
    eq((status, text), (204, ""))
    name, _, rest = headers["Set-Cookie"].partition("=")
    value, *attributes = rest.split("; ")
    eq((name, len(value), attributes), ("pbrun", 64, ["Path=/", "Max-Age=28800", "HttpOnly", "SameSite=Strict"]))
    eq(server.ask("/api/runs", Cookie="a=b; pbrun=" + value)[0], 200)
    eq(server.ask("/ui/logout", "POST", Cookie="pbrun=" + value)[0], 204)
    eq(server.ask("/api/runs", Cookie="pbrun=" + value)[0], 401)
    for secret in (UI_TOKEN, value):
        eq(secret in server.log(), False)


@case("who tries too many tokens is not heard for a while, nobody else is touched")
def _():
    statuses = [server.login("guess %d" % i, peer="192.0.2.77")[0] for i in range(31)]
    eq((statuses[0], statuses[-1]), (401, 429))
    eq(server.login(peer="192.0.2.77")[0], 429)
    eq(server.login(peer="192.0.2.78")[0], 204)
    # A page that was left open asks again and again with a cookie that is over.
    for _ in range(40):
        eq(server.ask("/api/state", Cookie="pbrun=" + "0" * 64, **{"X-Forwarded-For": "192.0.2.79"})[0], 401)
    eq(server.login(peer="192.0.2.79")[0], 204)


@case("what the API says: runs, a run's story, evidence, approvals, the kill switch")
def _():
    state = server.get("/api/state")
    eq((state["counts"]["ended"], state["approvals_open"], state["switches"]), (6, 1, []))
    runs = server.get("/api/runs")["runs"]
    eq({r["id"] for r in runs}, set(h.ids.values()))
    eq([r["id"] for r in server.get("/api/runs?status=denied&playbook=tagger&since=1h&max=5")["runs"]], [h.ids["denied"]])
    eq(server.get("/api/runs?incident=nothing")["runs"], [])
    eq(len(server.get("/api/runs?max=3")["runs"]), 3)
    eq(server.get("/api/runs?since=2100-01-01T00:00:00Z")["runs"], [])
    for bad in ("status=x", "max=0", "max=99999999999", "max=-1", "since=soon", "status=%ff", "playbook=%zz"):
        status, text, _ = server.ask("/api/runs?" + bad, token=UI_TOKEN)
        eq(status, 400, bad)
    story = server.get("/api/runs/" + ID)
    eq((story["run"]["resource"], len(story["steps"]), "evidence" in story), (HOSTILE, 3, False))
    full = server.get("/api/runs/" + ID + "?full=1")
    eq((full["evidence"][0]["run_id"], full["event"]["body"]["detail"]["kind"]), (ID, "done"))
    status, text, headers = server.ask("/api/runs/" + h.ids["undone"] + "/evidence", token=UI_TOKEN)
    eq([json.loads(line).get("undo_of") for line in text.splitlines()], [None, h.ids["undone"]])
    eq(headers["Content-Disposition"], "attachment; filename=\"%s.jsonl\"" % h.ids["undone"])
    for nothing in ("/api/runs/run-none", "/api/runs/", "/api/runs/" + h.ids["ask"] + "/evidence", "/api/runs/%2e%2e", "/api/runs/run-none/evidence", "/api/nothing"):
        eq(server.ask(nothing, token=UI_TOKEN)[0], 404, nothing)
    approval = server.get("/api/approvals")["approvals"][0]
    eq((approval["run"], approval["people"], approval["grants"], approval["quorum"]), (h.ids["ask"], ["me", "alice"], 0, 1))
    has(json.dumps(approval["body"]["values"]), "a.text")


@case("the token reads and no more: nothing is decided with it")
def _():
    approval = server.get("/api/approvals")["approvals"][0]["id"]
    body = json.dumps({"verdict": "grant", "reason": "because"})
    eq(server.ask("/api/approvals/" + approval, "POST", body=body)[0], 401)
    status, text, _ = server.ask("/api/approvals/" + approval, "POST", token=UI_TOKEN, body=body)
    eq(status, 403)
    has(json.loads(text)["error"], "does not say who you are")
    eq(server.get("/api/approvals")["approvals"][0]["decisions"], [])
    for path in ("/api/runs", "/api/state", "/ui/", "/ui/app.js", "/"):
        for method in ("POST", "PUT", "DELETE"):
            eq(server.ask(path, method, token=UI_TOKEN, body="{}")[0], 405, path + method)


@case("headers of every answer: nothing is kept, guessed, framed or given to other sites")
def _():
    for path, status, csp in (("/", 303, None), ("/ui", 303, None), ("/ui/", 200, CSP), ("/ui/app.js", 200, CSP), ("/ui/app.css", 200, CSP), ("/ui/nothing", 404, None), ("/ui/../vm", 404, None),
                              ("/api/state", 200, None), ("/api/runs", 200, None), ("/api/runs/" + ID, 200, None), ("/api/runs/" + ID + "/evidence", 200, None),
                              ("/api/approvals", 200, None), ("/api/runs?max=x", 400, None), ("/nothing", 404, None), ("/healthz", 200, None), ("/metrics", 200, None)):
        got, _, headers = server.ask(path, token=UI_TOKEN, Origin="https://evil.example")
        eq(got, status, path)
        for name, value in (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"), ("X-Frame-Options", "DENY"),
                            ("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", csp or "default-src 'none'; frame-ancestors 'none'")):
            eq(headers.get_all(name), [value], path + " " + name)
        eq([k for k in headers if k.lower().startswith("access-control")], [], path)
        eq(headers["Cross-Origin-Opener-Policy"], "same-origin" if csp else None, path)
    eq([server.ask("/ui/" + f)[2]["Content-Type"] for f in ("", "app.js", "app.css")], ["text/%s; charset=utf-8" % t for t in ("html", "javascript", "css")])


@case("off without a token, and the log says how to switch it on; a short token is refused; over https the cookie is bound to the host")
def _():
    with open(h.book, encoding="utf-8") as f:
        text = f.read()
    book = os.path.join(tempdir(), "off.pb")
    with open(book, "w", encoding="utf-8") as f:
        f.write(text.replace("param ui: secret", "").replace("ui_token: ui", ""))
    off = Server(book)
    for path in ("/", "/ui/", "/ui/app.js", "/api/state", "/api/runs"):
        eq(off.ask(path, token=UI_TOKEN)[0], 404, path)
    eq(off.login()[0], 404)
    eq(off.log().count("ui_token"), 1)
    off.stop()
    by_variable = Server(book, PB_UI_TOKEN=UI_TOKEN)
    eq(by_variable.ask("/api/state", token=UI_TOKEN)[0], 200)
    by_variable.stop()
    p = subprocess.run([PBRUN, "serve", "-p", book, "--store", h.store, "--listen", "127.0.0.1:0"], env=h.lab.env(PB_UI_TOKEN="short", PB_PARAM_LINKS=LINK_SECRET), capture_output=True, text=True,
                       timeout=30, check=False)
    eq(p.returncode, 2, p.stderr)
    has(p.stderr, "ui_token")
    with open(book, "w", encoding="utf-8") as f:
        f.write(re.sub(r'url: "[^"]*"', 'url: "https://pb.example.com"', text))
    tls = Server(book)
    value = tls.login()[2]["Set-Cookie"]
    eq((value.split("=")[0], value.endswith("; HttpOnly; SameSite=Strict; Secure")), ("__Host-pbrun", True))
    eq(tls.ask("/api/state", Cookie=value.split(";")[0])[0], 200)
    tls.stop()


def browse():
    """What a browser sees; pictures go to PB_PICTURES, when that is set, to be looked at."""
    if not shutil.which(os.environ.get("CHROMIUM", "chromium")):
        raise Skip("chromium is not installed")
    npm.install()
    pictures = os.environ.get("PB_PICTURES") or tempdir()
    p = subprocess.run(["node", os.path.join(npm.NODE, "web.mjs"), server.url, UI_TOKEN, pictures], capture_output=True, text=True, timeout=120, check=False)
    eq(p.returncode, 0, p.stderr)
    seen = json.loads(p.stdout)
    eq(seen.get("failed_at"), None)
    for name in ("login", "runs", "run", "approvals", "narrow", "narrow-run", "dark"):
        with open(os.path.join(pictures, name + ".png"), "rb") as f:
            eq(f.read(4), b"\x89PNG")
    return seen


@case("in a browser: log in, find a run by keyboard, unfold its calls, see approvals, log out; an attacker's texts stay texts")
def _():
    h.pbrun("kill-switch", "observe", "--reason", "drill " + HOSTILE)
    seen = browse()
    eq(seen["problems"], [])
    eq(seen["foreign"], [])
    eq(seen["made"], {"pwned": None, "scripts": 1, "images": 0, "violations": []})
    eq((seen["wrong"], seen["seesCookie"], seen["focusAfterLogin"]), ("That is not the token.", "", "H1"))
    eq([(c["httpOnly"], c["sameSite"], c["path"], c["length"]) for c in seen["cookies"]], [(True, "Strict", "/", 64)])
    eq(len(seen["runs"]), len(h.ids))
    has(seen["banner"], "Kill switch at observe: changes are held back")
    has(seen["banner"], "drill " + SHOWN)
    for part in ("ec2.tag", "undo ec2.tag", "is being undone", "the snapshots are evidence"):
        has(seen["run"], part)
    eq([0 <= left <= 100 and width >= 3 for left, width in seen["bars"]], [True] * 4)
    eq((seen["hidden"], seen["kept"]), (0, [1, "SUMMARY"]))
    has(seen["calls"], "aws.ec2.DescribeInstances")
    eq((seen["evidence"]["status"], json.loads(seen["evidence"]["body"].splitlines()[0])["run_id"]), (200, h.ids["undone"]))
    for part in ("May I? " + SHOWN, "0 of 1", "me, alice", "pbrun approve " + h.ids["ask"] + " --link --for NAME", "i.state: running", "a.text: " + SHOWN):
        has(seen["approvals"], part)
    eq(set(seen["pages"]), set(h.ids.values()))
    for kind, part in (("done", "Resource\n" + SHOWN), ("stop", "stopped: not today: " + SHOWN), ("denied", "drill " + SHOWN), ("ask", "May I? " + SHOWN), ("fail", "InvalidInstanceID.NotFound"),
                       ("skip", "i.id == \"i-another\""), ("wait", "wait.for")):
        has(seen["pages"][h.ids[kind]], part)
    for text in list(seen["pages"].values()) + seen["runs"]:
        eq(re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), [])
    has(seen["nonsense"], "there is no such run")
    has(seen["failed"], "failer")
    eq(seen["filtered"][1], "#/runs?playbook=stopper")
    eq(seen["narrow"][0] <= 390 and seen["narrowRun"] <= 390, True, "it does not fit a narrow screen")
    eq(seen["narrow"][2], "rgb(15, 18, 21)")
    eq((seen["expired"], seen["loggedOut"]), ("Your session has ended. Log in again.", ["You are logged out.", 0, 401]))
    eq(server.ask("/api/runs", Cookie="pbrun=" + seen["session"])[0], 401)


@case("a server that is started anew knows no session")
def _():
    global server
    cookie = server.login()[2]["Set-Cookie"].split(";")[0]
    server.stop()
    server = Server()
    eq(server.ask("/api/state", Cookie=cookie)[0], 401)
    server.stop()
    h.close()


main()
