"""A laboratory on loopback: the simulated account, a Slack that keeps what it is told, and a proxy that makes AWS misbehave.

The demo and the end-to-end tests use it. Needs boto3 (Debian's python3-boto3, so /usr/bin/python3).
"""
import atexit
import ctypes
import http.client
import http.server
import json
import os
import signal
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import boto3
from botocore.config import Config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
PBC, PBRUN = os.path.join(BUILD, "pbc"), os.path.join(BUILD, "pbrun")
PLAYBOOKS = os.path.join(ROOT, "playbooks")
NAMES = ["block_public_bucket", "revoke_exposed_key", "revoke_user_sessions", "quarantine_instance", "report_root_login"]
FILES = [os.path.join(PLAYBOOKS, n + ".pb") for n in NAMES]  # the five that need no store, without the guards
ACCOUNT, REGION = "123456789012", "us-east-1"
KEY, SECRET = "AKIADEMORESPONDER000", "demo-secret-of-the-responder-not-a-real-one"


def load_events():
    """The events beside the playbooks, by playbook name."""
    events = {}
    for n in NAMES + ["terminate_instance"]:
        with open(os.path.join(PLAYBOOKS, n + ".event.json"), encoding="utf-8") as f:
            events[n] = json.load(f)
    return events


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Slack:
    """chat.postMessage as Slack does it; other methods succeed without effect. `status` and `error` make it fail; `messages` holds (channel, text)."""
    TOKEN = "xoxb-of-the-laboratory"

    def __init__(self):
        self.messages, self.status, self.error = [], 200, None
        slack = self

        class Handler(Quiet):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if slack.status != 200:
                    return self.reply(slack.status, b"oops")
                error = slack.error or (None if self.headers.get("Authorization") == "Bearer " + Slack.TOKEN else "invalid_auth")
                if not error and self.path.endswith("/chat.postMessage"):  # not a change of a message that is there
                    slack.messages.append((body["channel"], body["text"]))
                answer = {"ok": False, "error": error} if error else {"ok": True, "channel": "C0LAB", "ts": "%d.000100" % time.time()}
                return self.reply(200, json.dumps(answer).encode(), [("Content-Type", "application/json")])

        self.server = serve(Handler)
        self.url = "http://127.0.0.1:%d/api" % self.server.server_address[1]


class Proxy:
    """Stands between client and account. faults: {operation: [fault, ...]}, used up one by one; "*" is every operation. A fault is
    (status, error code), "garbage", "nothing" (the connection ends without an answer), "half" (half a body), "after" (the account does
    it, the answer is lost), "hang", or a function: it is given one that passes the request on, and then the connection ends without an
    answer. `seen` counts what arrived, `requests` has it: (method, path, form)."""

    def __init__(self, target):
        self.faults, self.seen, self.requests = {}, {}, []
        self.lock = threading.Lock()
        proxy, port = self, int(target.rsplit(":", 1)[1])

        class Handler(Quiet):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                form = urllib.parse.parse_qs(body.decode("latin-1"))
                path = urllib.parse.urlsplit(self.path)
                operation = (form.get("Action") or [None])[0] or self.headers.get("X-Amz-Target", "").rpartition(".")[2] or "%s ?%s" % (self.command, path.query)
                with proxy.lock:
                    proxy.requests.append((self.command, self.path, form))
                    proxy.seen[operation] = proxy.seen.get(operation, 0) + 1
                    queue = proxy.faults.get(operation) or proxy.faults.get("*") or []
                    fault = queue.pop(0) if queue else None
                if callable(fault):
                    fault(lambda: self.forward(body))
                    return self.hang_up()
                if fault in (None, "half", "after"):
                    r, data = self.forward(body)
                    headers = [(n, v) for n, v in r.getheaders() if n.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server")]
                    if fault is None:
                        return self.reply(r.status, data if self.command != "HEAD" else b"", headers)
                    if fault == "half":
                        self.send_response(200)
                        self.send_header("Content-Length", str(len(data) + 10))
                        self.end_headers()
                        self.wfile.write(data[:len(data) // 2])
                    self.close_connection = True
                    return self.hang_up()
                if fault == "garbage":
                    return self.reply(200, b"<html>\x00\xff this is not AWS", [("Content-Type", "text/html")])
                if fault == "nothing":
                    return self.hang_up()
                if fault == "hang":
                    time.sleep(30)
                    return self.hang_up()
                status, code = fault
                ec2 = (form.get("Version") or [""])[0] == "2016-11-15"
                error = "<Error><Code>%s</Code><Message>injected</Message></Error>" % code
                xml = ("<Response><Errors>%s</Errors><RequestID>r-fault</RequestID></Response>" if ec2 else "<ErrorResponse>%s<RequestId>r-fault</RequestId></ErrorResponse>"
                       if form else "%s") % error
                return self.reply(status, xml.encode(), [("Content-Type", "text/xml")])

            def forward(self, body):
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                try:
                    c.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        c.putheader(name, value)
                    c.endheaders(body)
                    r = c.getresponse()
                    return r, r.read()
                finally:
                    c.close()

            def hang_up(self):
                self.close_connection = True
                try:
                    self.connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_any

        self.server = serve(Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]


def die_with_parent():
    """In the child: a test that is killed takes its servers with it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Lab:
    """A running account with what the five playbooks act on; `events` are theirs, with the account's own ids in them."""

    def __init__(self, state=None, extra=()):
        command = [PBRUN, "sim", "--port", "0", "--account", ACCOUNT, "--region", REGION, "--access-key", KEY, "--secret-key", SECRET]
        self.sim = subprocess.Popen(command + (["--state", state] if state else []) + list(extra), stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        atexit.register(self.close)  # a simulator that is left over would hold the test's output open
        line = self.sim.stdout.readline()
        if not line.strip():
            raise RuntimeError("pbrun sim did not start")
        self.url = line.split()[-1]
        self.stores, self.nstores = tempfile.mkdtemp(prefix="pblab."), 0
        self.slack = Slack()
        self.events = load_events()
        self.iam, self.s3, self.ec2, self.sns, self.ssm = (self.client(s) for s in ("iam", "s3", "ec2", "sns", "ssm"))

    def client(self, service, **more):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}), **more)

    def env(self, url=None, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLACK_"))}
        env.update(AWS_ENDPOINT_URL=url or self.url, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, SLACK_BOT_TOKEN=Slack.TOKEN,
                   SLACK_API_URL=self.slack.url)
        env.update(more)
        return env

    def set_up(self):
        """One public bucket, two users with a key each, two instances with two volumes each."""
        self.bucket = self.events["block_public_bucket"]["detail"]["resource"]["s3BucketDetails"][0]["name"]
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.delete_public_access_block(Bucket=self.bucket)  # a new bucket blocks what makes it public
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": [{"Key": "Team", "Value": "identity"}]})
        # What makes a bucket public since 2023: its block is taken away first, then the policy opens it.
        self.s3.delete_public_access_block(Bucket=self.bucket)
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%s/*" % self.bucket}]}))
        details = [self.events[n]["detail"]["resource"]["accessKeyDetails"] for n in ("revoke_exposed_key", "revoke_user_sessions")]
        self.users = [d["userName"] for d in details]
        for user in self.users:
            self.iam.create_user(UserName=user)
        self.keys = [self.iam.create_access_key(UserName=u)["AccessKey"]["AccessKeyId"] for u in self.users]
        details[0]["accessKeyId"] = self.keys[0]
        self.vpc = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        self.group = self.ec2.create_security_group(GroupName="web", Description="web servers", VpcId=self.vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        made = self.ec2.run_instances(ImageId="ami-0abcdef1234567890", InstanceType="c5.xlarge", MinCount=2, MaxCount=2, SecurityGroupIds=[self.group], BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}, {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 100}}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "api"}]}])["Instances"]
        self.instances = [i["InstanceId"] for i in made]
        self.instance = self.instances[0]
        self.events["quarantine_instance"]["detail"]["resource"]["instanceDetails"]["instanceId"] = self.instance
        self.events["terminate_instance"]["detail"]["resource"]["instanceDetails"]["instanceId"] = self.instances[1]

    def bucket_state(self):
        try:
            block = self.s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"]
        except self.s3.exceptions.ClientError as e:
            block = e.response["Error"]["Code"]
        return {"bucket": self.bucket, "public policy": self.s3.get_bucket_policy_status(Bucket=self.bucket)["PolicyStatus"]["IsPublic"], "public access block": block}

    def user_state(self, user):
        documents = {n: self.iam.get_user_policy(UserName=user, PolicyName=n)["PolicyDocument"] for n in self.iam.list_user_policies(UserName=user)["PolicyNames"]}
        return {"user": user, "keys": {k["AccessKeyId"]: k["Status"] for k in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]},
                "inline policies": documents}

    def instance_state(self, instance=None):
        instance = instance or self.instance
        i = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        nics = self.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["NetworkInterfaces"]
        groups = sorted({g["GroupId"] for n in nics for g in n["Groups"]})
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])["SecurityGroupRules"]
        return {"instance": instance, "state": i["State"]["Name"], "groups": sorted("%s (%s)" % (g["GroupId"], g["GroupName"]) for n in nics for g in n["Groups"]),
                "rules of the groups": len(rules), "tags": {t["Key"]: t["Value"] for t in i.get("Tags", [])},
                "snapshots": {s["SnapshotId"]: s["VolumeId"] for s in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}}

    def show(self, name):
        """What a playbook is about, as the account has it now."""
        if name == "block_public_bucket":
            return self.bucket_state()
        if name == "revoke_exposed_key":
            return self.user_state(self.users[0])
        if name == "revoke_user_sessions":
            return self.user_state(self.users[1])
        if name == "quarantine_instance":
            return self.instance_state()
        return {"account": ACCOUNT, "root": "cannot be changed from here: people are told"}

    def everything(self):
        """The whole account, to tell whether anything changed."""
        return json.loads(json.dumps({
            "shown": [self.show(n) for n in NAMES], "buckets": [b["Name"] for b in self.s3.list_buckets()["Buckets"]],
            "groups": self.ec2.describe_security_groups()["SecurityGroups"], "snapshots": self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"],
            "instances": self.ec2.describe_instances()["Reservations"], "users": [u["UserName"] for u in self.iam.list_users()["Users"]]}, default=str))

    def store(self):
        """A place for runs that nothing else uses."""
        self.nstores += 1
        return os.path.join(self.stores, "%d.db" % self.nstores)

    def run(self, playbooks, event, evidence, *more, url=None, timeout=60, stdin=None, store=True, **env):
        """pbrun run on an event (a dict, or a path); playbooks: a path or several. Runs are kept in a store of their own, unless
        `more` or the environment name another one; store=False: in none."""
        if isinstance(event, dict):
            stdin, event = json.dumps(event), "-"
        if store and "--store" not in more and "PB_STORE" not in env:
            more += ("--store", self.store())
        paths = [playbooks] if isinstance(playbooks, str) else playbooks
        return subprocess.run([PBRUN, "run", *paths, "-e", event, "--evidence", evidence, *more], env=self.env(url, **env), input=stdin,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def close(self):
        if self.sim.stdout.closed:
            return
        self.sim.send_signal(signal.SIGTERM)
        try:
            self.sim.wait(10)
        except subprocess.TimeoutExpired:
            self.sim.kill()
            raise
        finally:
            self.sim.stdout.close()
            shutil.rmtree(self.stores, ignore_errors=True)
            self.slack.server.shutdown()
            self.slack.server.server_close()


def documents(evidence):
    """The evidence log as a list of documents."""
    with open(os.path.join(evidence, "evidence.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]
