"""A Slack for tests: messages with blocks, updates, ephemeral ones, histories with metadata, user groups, and response addresses; it takes only
what Slack takes, by the limits and forms of its Block Kit reference."""
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = "xoxb-SECRET-approvals"
ID = re.compile(r"^[CGDUW][A-Z0-9]{8,}$")


def bad_text(t, kinds=("plain_text", "mrkdwn"), most=3000):
    if not isinstance(t, dict) or t.get("type") not in kinds or not isinstance(t.get("text"), str):
        return "not a text object: %r" % (t,)
    if not 1 <= len(t["text"]) <= most:
        return "a text of %d characters" % len(t["text"])
    allowed = {"type", "text", "emoji"} if t["type"] == "plain_text" else {"type", "text", "verbatim"}
    return "" if set(t) <= allowed else "unknown members %r" % (set(t) - allowed)


def bad_button(b):
    if b.get("type") != "button" or not 1 <= len(b.get("action_id", "")) <= 255 or b.get("style") not in (None, "primary", "danger"):
        return "not a button: %r" % (b,)
    return bad_text(b.get("text"), ("plain_text",), 75) or ("" if set(b) <= {"type", "text", "action_id", "style", "value"} else "unknown members")


def bad_block(b):
    kind = b.get("type")
    if kind == "section":
        texts, most = ([b["text"]], 3000) if "text" in b else (b.get("fields") or [None], 2000)
        return "too many fields" if len(texts) > 10 else next((e for e in (bad_text(t, most=most) for t in texts) if e), "")
    if kind == "context":
        return next((e for e in (bad_text(t, most=3000) for t in b.get("elements") or [None]) if e), "too many" if len(b["elements"]) > 10 else "")
    if kind == "actions":
        ids = [e.get("action_id") for e in b.get("elements") or [{}]]
        return next((e for e in map(bad_button, b["elements"]) if e), "" if len(set(ids)) == len(ids) else "action ids that are the same")
    return "unknown block %r" % (kind,)


def bad_blocks(blocks):
    if blocks is None:
        return ""
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 50:
        return "not 1 to 50 blocks"
    return next((e for e in map(bad_block, blocks) if e), "")


class FakeSlack:
    """calls: (method, arguments). messages: {(channel id, ts): arguments} as they are now. faults: {method: [fault]}, used up one by one: an
    error's name, "lost" (done, but the answer is not sent), a status, or a function that is called when it is done (the answer is not sent either)."""

    def __init__(self):
        self.calls, self.messages, self.ephemeral, self.groups, self.faults, self.n = [], {}, [], {}, {}, 0
        self.channels = {"secops": "C0SECOPS0", "leads": "C0LEADS00", "security-alerts": "C0ALERTS0"}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                status, answer = outer.answer(self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                text = json.dumps(answer).encode() if not isinstance(answer, str) else answer.encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def env(self):
        return {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": self.origin + "/api"}

    def answer(self, path, headers, body):
        if path.startswith("/actions/"):
            self.ephemeral.append(json.loads(body))
            return 200, "ok"
        if path.startswith("/services/"):  # an incoming webhook: no token, its channel is fixed
            self.calls.append(("webhook", json.loads(body)))
            fault = self.faults.get("webhook") and self.faults["webhook"].pop(0)
            self.n += 1
            self.messages["webhook", str(self.n)] = json.loads(body)
            if callable(fault):
                fault()
            return 200, None if fault else "ok"
        method = path.rpartition("/")[2]
        if headers.get("Authorization") != "Bearer " + TOKEN:
            return 200, {"ok": False, "error": "invalid_auth"}
        form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        args = dict(urllib.parse.parse_qsl(body, keep_blank_values=True)) if form else json.loads(body)
        self.calls.append((method, args))
        fault = self.faults.get(method) and self.faults[method].pop(0)
        if isinstance(fault, int):
            return fault, {}
        if isinstance(fault, str) and fault != "lost":
            return 200, {"ok": False, "error": fault}
        reads = method in ("conversations.list", "conversations.history", "usergroups.users.list")
        if reads != form:
            return 200, {"ok": False, "error": "invalid_form_data" if form else "invalid_arguments"}
        result = {"ok": True, **getattr(self, method.replace(".", "_"))(args)}
        if "error" in result:
            result["ok"] = False
        if callable(fault):
            fault()
        return 200, None if fault else result

    def channel(self, name):
        if ID.match(name):
            return name if name in self.channels.values() else None
        return self.channels.get(name.lstrip("#"))

    def keep(self, args, key):
        error = bad_blocks(args.get("blocks"))
        if error:
            return {"error": "invalid_blocks", "response_metadata": {"messages": [error]}}
        self.messages[key] = args
        return {"channel": key[0], "ts": key[1]}

    def chat_postMessage(self, args):
        channel = self.channel(args["channel"])
        if not channel:
            return {"error": "channel_not_found"}
        self.n += 1
        return self.keep(args, (channel, "%d.%06d" % (1700000000 + self.n, self.n)))

    def chat_update(self, args):
        key = (args["channel"], args["ts"])
        return self.keep(args, key) if key in self.messages else {"error": "message_not_found"}

    def chat_postEphemeral(self, args):
        self.ephemeral.append(args)
        return {"message_ts": "1"}

    def conversations_list(self, args):
        names = sorted(self.channels)  # one a page, so that pages are turned
        at = int(args.get("cursor") or 0)
        return {"channels": [{"id": self.channels[names[at]], "name": names[at]}],
                "response_metadata": {"next_cursor": str(at + 1) if at + 1 < len(names) else ""}}

    def conversations_history(self, args):
        if args["channel"] not in self.channels.values():
            return {"error": "channel_not_found"}
        return {"messages": [{"ts": ts, "text": m.get("text"), **({"metadata": m["metadata"]} if m.get("metadata") else {})}
                             for (c, ts), m in reversed(self.messages.items()) if c == args["channel"]], "has_more": False}

    def usergroups_users_list(self, args):
        users = self.groups.get(args["usergroup"])
        return {"users": users} if users is not None else {"error": "no_such_subteam"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def words(message):
    """All texts of a message's blocks."""
    out = []
    for b in message["blocks"]:
        for t in [b.get("text")] + b.get("fields", []) + [e if "text" in e and isinstance(e["text"], str) else {"text": ""} for e in b.get("elements", [])]:
            out.append((t or {}).get("text", ""))
    return "\n".join(out)


def buttons(message):
    """{"grant": action id, "deny": action id}; empty when it has none."""
    return {e["action_id"].split(":")[0]: e["action_id"] for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]}
