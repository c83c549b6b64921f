"""Where keys come from: AWS's chain of sources against real local servers (metadata, containers, STS), files, processes; renewed in
time, fetched once for everybody, and every failure says which source, why and what to do. No secret in any of it."""
# speed: slow
# runs: sanitized
import base64
import datetime
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import botocore.exceptions
import botocore.session
from awsdrive import Client
from lab import Lab, Quiet, serve
from pbtest import BUILD, case, eq, has, main, tempdir

DRIVER = os.path.join(BUILD, "tests", "settings")
NAMES = ("AccessKeyId", "SecretAccessKey", "Token", "SessionToken")


def at(seconds):
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Aws:
    """STS, IAM, instance metadata and a container's endpoint in one server. Keys are numbered: ASIA0001, ASIA0002, ... `life`: their
    seconds; `expired`: access keys that IAM refuses; `used`: those that signed; `seen`: (method, path, headers, form) of the rest."""

    def __init__(self):
        self.life, self.n, self.expired, self.used, self.seen = 3600, 0, set(), [], []
        self.status, self.answer, self.role, self.broken = 200, None, "the-role", []
        aws, lock = self, threading.Lock()

        class Handler(Quiet):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                form = dict(p.split("=", 1) for p in body.split("&") if "=" in p)
                with lock:
                    status, data = aws.iam(self) if form.get("Action") == "ListUsers" else aws.other(self, form)
                self.reply(status, data.encode())

            do_GET = do_POST = do_PUT = handle_any

        self.server = serve(Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def keys(self, token="Token"):
        self.n += 1
        return {"Code": "Success", "AccessKeyId": "ASIA%04d" % self.n, "SecretAccessKey": "SECRETwJalr%d" % self.n, token: "TOKENFwo%d" % self.n,
                "Expiration": at(self.life)}

    def iam(self, h):
        key = re.search("Credential=([^/]*)/", h.headers["Authorization"]).group(1)
        self.used.append(key)
        if key in self.expired:
            return 403, "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token has expired</Message></Error></ErrorResponse>"
        return 200, "<ListUsersResponse><ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult></ListUsersResponse>"

    def other(self, h, form):
        self.seen.append((h.command, h.path, dict(h.headers), form))
        if self.broken:
            return self.broken.pop(0), "broken"
        if self.status != 200:
            return self.status, "refused"
        if "Action" in form:
            k = self.keys("SessionToken")
            inner = "".join("<%s>%s</%s>" % (n, v, n) for n, v in k.items() if n != "Code")
            return 200, "<%sResponse><%sResult><Credentials>%s</Credentials></%sResult></%sResponse>" % ((form["Action"],) * 2 + (inner,) + (form["Action"],) * 2)
        if h.path == "/latest/api/token":
            return (200, "metadata-token") if h.command == "PUT" and h.headers["X-aws-ec2-metadata-token-ttl-seconds"] else (405, "")
        if h.path.startswith("/latest/") and h.headers.get("X-aws-ec2-metadata-token") != "metadata-token":
            return 401, ""
        if h.path == "/latest/meta-data/iam/security-credentials/":
            return (200, self.role) if self.role else (404, "")
        return 200, self.answer or json.dumps(self.keys())


def client(home=None, endpoint=None, config=None, credentials=None, metadata=None, **env):
    """A client without keys of its own; the files are written for it."""
    home = home or tempdir()
    for name, text in (("config", config), ("credentials", credentials)):
        if text is not None:
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write(text)
    full = dict(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="", AWS_CONFIG_FILE=os.path.join(home, "config"),
                AWS_SHARED_CREDENTIALS_FILE=os.path.join(home, "credentials"))
    if metadata:
        full.update(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata)
    full.update(env)
    return Client(endpoint, **full)


def why(code="credentials", **kw):
    """The message of a call that ends without credentials."""
    deadline = kw.pop("deadline_ms", 8000)
    c = client(**kw)
    o = c.call("iam.ListUsers", deadline_ms=deadline)
    c.close()
    eq(o["code"], code, str(o))
    return o["message"]


def used_by(aws, **kw):
    """The access key that a call is signed with."""
    c = client(endpoint=aws.url, **kw)
    c.ok("iam.ListUsers")
    c.close()
    return aws.used[-1]


STATIC = "aws_access_key_id = %s\naws_secret_access_key = SECRETwJalr\n"


@case("the order is that of AWS's tools: environment, role, web identity, credentials file, process, config file, container, metadata")
def _():
    aws = Aws()
    token = os.path.join(tempdir(), "token")
    with open(token, "w", encoding="utf-8") as f:
        f.write("oidc-token\n")
    echo = "credential_process = /bin/echo '{\"Version\": 1, \"AccessKeyId\": \"PROCESS\", \"SecretAccessKey\": \"SECRETwJalr\"}'\n"
    everything = dict(config="[default]\n" + STATIC % "CONFIG" + echo, credentials="[default]\n" + STATIC % "FILE", metadata=aws.url,
                      AWS_CONTAINER_CREDENTIALS_FULL_URI=aws.url + "/container", AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN="arn:aws:iam::1:role/web")
    eq(used_by(aws, AWS_ACCESS_KEY_ID="ENVIRON", AWS_SECRET_ACCESS_KEY="SECRETwJalr", **everything), "ENVIRON")
    role = dict(everything, config="[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n" + STATIC % "CONFIG")
    eq((used_by(aws, **role), aws.seen[-1][3]["Action"]), ("ASIA0001", "AssumeRole"))
    eq((used_by(aws, **everything), aws.seen[-1][3]["Action"]), ("ASIA0002", "AssumeRoleWithWebIdentity"))
    del everything["AWS_WEB_IDENTITY_TOKEN_FILE"]
    eq(used_by(aws, **everything), "FILE")
    everything["credentials"] = ""
    eq(used_by(aws, **everything), "PROCESS")
    everything["config"] = "[default]\n" + STATIC % "CONFIG"
    eq(used_by(aws, **everything), "CONFIG")
    everything["config"] = "[default]\nregion = eu-west-1\n"
    eq((used_by(aws, **everything), aws.seen[-1][1]), ("ASIA0003", "/container"))
    del everything["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    eq((used_by(aws, **everything), aws.seen[-1][1]), ("ASIA0004", "/latest/meta-data/iam/security-credentials/the-role"))


@case("profiles: AWS_PROFILE chooses, its region and endpoint count, a missing one is named with those that there are")
def _():
    aws = Aws()
    config = "[default]\n[profile \"a b\"]\nregion = ap-south-1\nservices = local\n" + STATIC % "AB" + "[services local]\niam =\n  endpoint_url = %s\n" % aws.url
    c = client(config=config, AWS_PROFILE="a b", AWS_REGION="")
    o = c.call("iam.ListUsers")
    eq((o["ok"], aws.used), (True, ["AB"]))
    eq(c.call("ec2.DescribeRegions", deadline_ms=1)["meta"]["region"], "ap-south-1")
    c.close()
    has(why("configuration", config=config, AWS_PROFILE="ab"), 'AWS_PROFILE names the profile "ab", which is neither in ')
    has(why("configuration", config=config, AWS_PROFILE="ab"), "there are: default, a b")
    has(why("configuration", config="[default]\nuse_fips_endpoint = perhaps\n"), 'config:2: use_fips_endpoint is "perhaps": it must be true or false')
    has(why("configuration", AWS_RETRY_MODE="often"), 'AWS_RETRY_MODE is "often": it must be standard, adaptive or legacy')
    has(why("configuration", AWS_MAX_ATTEMPTS="0"), "AWS_MAX_ATTEMPTS is \"0\": it must be a whole number from 1 to 1000")


@case("files that cannot be read are named with line and cause, and not quoted")
def _():
    has(why("configuration", config="[default]\nSECRETwJalrXUtnFEMI\n"), "config:2: neither a [section] nor key = value")
    has(why("configuration", credentials="[a]\nx=1\n[a]\n"), "credentials:3: section [a] is there twice, first in line 1")
    has(why("configuration", config="#" * (1 << 20) + "\n"), "config is larger than the 1048576 bytes")
    has(why(AWS_CONFIG_FILE="/dev/null"), "no AWS credentials found")
    has(why("configuration", AWS_CONFIG_FILE="/dev/zero"), "/dev/zero is larger than")
    home = tempdir()
    os.mkdir(os.path.join(home, "config"))
    has(why("configuration", home=home), "config is not an ordinary file")
    has(why(config="[default]\naws_access_key_id = AKIA\n"), "has aws_access_key_id but no aws_secret_access_key: both are needed")
    has(why(config="[default]\n" + STATIC % "A B"), "white space")


@case("roles: chains through the simulated account, with external id, name and duration")
def _():
    lab = Lab()
    for role in ("outer", "inner"):
        lab.iam.create_role(RoleName=role, AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}')
    config = ("[profile x]\nrole_arn = arn:aws:iam::123456789012:role/outer\nsource_profile = y\nrole_session_name = incident-7\nexternal_id = ex\nduration_seconds = 900\n"
              "[profile y]\nrole_arn = arn:aws:iam::123456789012:role/inner\nsource_profile = base\n"
              "[profile base]\naws_access_key_id = AKIADEMORESPONDER000\naws_secret_access_key = demo-secret-of-the-responder-not-a-real-one\n")
    c = client(endpoint=lab.url, config=config, AWS_PROFILE="x", AWS_REGION="us-east-1")
    eq(c.ok("sts.GetCallerIdentity")["Arn"], "arn:aws:sts::123456789012:assumed-role/outer/incident-7")
    eq(c.call("iam.ListUsers")["meta"]["attempts"], 1)
    c.close()
    has(why(endpoint=lab.url, config=config.replace("role/inner", "role/nobody"), AWS_PROFILE="x"), 'profile "y" (')
    has(why(endpoint=lab.url, config=config.replace("role/inner", "role/nobody"), AWS_PROFILE="x"), "the role could not be assumed: AccessDenied")
    aws = Aws()
    eq(used_by(aws, config=config, AWS_PROFILE="x"), "ASIA0002")
    inner, outer = aws.seen[0], aws.seen[1]
    eq(("Credential=AKIADEMORESPONDER000/" in inner[2]["Authorization"], "Credential=ASIA0001/" in outer[2]["Authorization"]), (True, True))
    eq((outer[3]["ExternalId"], outer[3]["DurationSeconds"], outer[3]["RoleSessionName"]), ("ex", "900", "incident-7"))
    eq(("ExternalId" in inner[3], inner[3]["RoleSessionName"][:6]), (False, "pbrun-"))
    lab.close()


@case("roles: circles, missing profiles and what needs a person are refused by name, with the cure")
def _():
    def profile(text, **kw):
        return why(config="[profile x]\nrole_arn = arn:aws:iam::1:role/r\n" + text, AWS_PROFILE="x", **kw)
    has(profile("source_profile = y\n[profile y]\nrole_arn = r\nsource_profile = x\n"), "goes round in a circle: x -> y -> x")
    has(profile("source_profile = x\n"), "goes round in a circle: x -> x")
    has(profile("source_profile = z\n"), 'config:3) is "z", and there is no such profile')
    has(profile("source_profile = y\n[profile y]\nregion = r\n"), 'is "y", which has no credentials')
    has(profile(""), "has neither source_profile nor credential_source")
    has(profile("source_profile = y\ncredential_source = Environment\n"), "has both source_profile and credential_source")
    has(profile("credential_source = Moon\n"), "must be Environment, Ec2InstanceMetadata or EcsContainer")
    has(profile("credential_source = Environment\n"), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
    has(profile("credential_source = EcsContainer\n"), "this is not such a container")
    has(profile("source_profile = x\nmfa_serial = arn:aws:iam::1:mfa/u\n"), "needs an MFA code (mfa_serial)")
    has(profile("source_profile = x\nduration_seconds = long\n"), "duration_seconds of profile")
    chain = "".join("[profile p%d]\nrole_arn = arn:aws:iam::1:role/r%d\nsource_profile = p%d\n" % (i, i, i + 1) for i in range(12))
    has(why(config=chain, AWS_PROFILE="p0"), "behind more than 8 roles")
    has(why(config="[default]\nsso_session = s\nsso_account_id = 1\n"), "IAM Identity Center (sso_session)")
    has(why(config="[default]\nsso_session = s\n"), "credential_process = aws configure export-credentials --profile default")


PROCESS = """import json, sys, time
n = open(sys.argv[0] + ".count", "a"); n.write("x"); n.close()
count = len(open(sys.argv[0] + ".count").read())
%s
"""


def process(body):
    path = os.path.join(tempdir(), "a helper.py")
    with open(path, "w", encoding="utf-8") as f:
        f.write(PROCESS % body)
    return path, "[default]\ncredential_process = %s '%s' 1 \"two words\"\n" % (sys.executable, path)


@case("credential_process: its keys are used until they end, its output is bounded, and a bad one is described")
def _():
    aws = Aws()
    good = 'print(json.dumps({"Version": 1, "AccessKeyId": "P%%d" %% count, "SecretAccessKey": "SECRETwJalr", "SessionToken": "TOKENFwo", "Expiration": "%s"}))'
    eq(used_by(aws, config=process("assert sys.argv[1:] == ['1', 'two words'] and sys.stdin.read() == ''\n" + good % at(3600))[1]), "P1")
    for body, message in (("print('SECRETwJalrXUtnFEMI')", "what it printed is not a JSON object"), ("pass", "what it printed is not a JSON object"),
                          ("print(json.dumps({'Version': 2}))", 'does not say "Version": 1'),
                          ("print(json.dumps({'Version': 1, 'AccessKeyId': 'A'}))", "its answer has no SecretAccessKey"),
                          (good % at(-60), "have expired already"), (good % "tomorrow", "the Expiration in its answer is not a time"),
                          ("sys.exit(3)", "it ended with status 3; run it by hand to see why"), ("import os; os.kill(os.getpid(), 9)", "it was ended by signal 9"),
                          ("print('x' * 70000); time.sleep(30)", "it printed more than the 65536 bytes that are read")):
        start = time.time()
        has(why(config=process(body)[1]), message)
        eq(time.time() - start < 4, True, message)
    has(why(config="[default]\ncredential_process = /nonexistent/tool\n"), "the program was not found or may not be run")
    has(why(config="[default]\ncredential_process = tool 'x\n"), "has an open quote")


@case("credential_process: one that hangs is killed with its children when nobody waits any more")
def _():
    path, config = process("import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen(sys.argv[0] + '.pid', 'w').write(str(p.pid))\ntime.sleep(60)")
    start = time.time()
    has(why(config=config, deadline_ms=1500), "no credentials in time; still waiting for credential_process of profile")
    eq(time.time() - start < 3, True)
    with open(path + ".pid", encoding="utf-8") as f:
        pid = int(f.read())
    for _ in range(50):
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
                if f.read().split()[2] == "Z":
                    return
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError("its child lives on")


@case("web identity: asked for without a signature; the token comes from its file each time")
def _():
    aws, home = Aws(), tempdir()
    token = os.path.join(home, "token")
    with open(token, "w", encoding="utf-8") as f:
        f.write("header.payload.signature\n")
    eq(used_by(aws, AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN="arn:aws:iam::1:role/w", AWS_ROLE_SESSION_NAME="ci"), "ASIA0001")
    _, _, headers, form = aws.seen[0]
    eq((form["WebIdentityToken"], form["RoleSessionName"], "Authorization" in headers), ("header.payload.signature", "ci", False))
    eq(used_by(aws, config="[default]\nrole_arn = arn:aws:iam::1:role/w\nweb_identity_token_file = %s\n" % token), "ASIA0002")
    has(why(AWS_WEB_IDENTITY_TOKEN_FILE=token), "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not; set both")
    has(why(config="[default]\nweb_identity_token_file = %s\n" % token), "has web_identity_token_file but no role_arn")
    has(why(AWS_WEB_IDENTITY_TOKEN_FILE=home + "/nothing", AWS_ROLE_ARN="r"), "nothing cannot be read: No such file or directory")
    open(token, "w", encoding="utf-8").close()
    has(why(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN="r"), "the token file is empty")


@case("containers: token or token file are shown, only to hosts that may see them; passing failures are tried again")
def _():
    aws, home = Aws(), tempdir()
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": aws.url + "/get?x=1"}
    eq(used_by(aws, AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic abc", **uri), "ASIA0001")
    eq((aws.seen[0][1], aws.seen[0][2]["Authorization"]), ("/get?x=1", "Basic abc"))
    with open(home + "/token", "w", encoding="utf-8") as f:
        f.write("from-file\n")
    aws.broken = [500, 503]
    eq(used_by(aws, AWS_CONTAINER_AUTHORIZATION_TOKEN="old", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=home + "/token", **uri), "ASIA0002")
    eq(aws.seen[-1][2]["Authorization"], "from-file")
    aws.status = 403
    has(why(endpoint=aws.url, **uri), "answered HTTP 403; check AWS_CONTAINER_AUTHORIZATION_TOKEN")
    aws.status, aws.answer = 200, "<html>"
    has(why(endpoint=aws.url, **uri), "its answer is not a JSON object")
    for bad in ("http://example.org/x", "http://127.0.0.1.example.org/", "http://localhost.example.org/", "http://169.254.170.24/", "ftp://127.0.0.1/"):
        has(why(AWS_CONTAINER_CREDENTIALS_FULL_URI=bad), "must be https, or http to this machine")
    has(why(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="@example.org/x"), "must begin with /")
    has(why(AWS_CONTAINER_AUTHORIZATION_TOKEN="a\nb", **uri), "characters that are not allowed")
    has(why(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=home + "/none", **uri), "none cannot be read: No such file")


@case("instance metadata: by version 2; nothing there, no role, silence: each ends soon and names all that was tried")
def _():
    aws = Aws()
    eq(used_by(aws, metadata=aws.url + "/"), "ASIA0001")
    eq([s[:2] for s in aws.seen], [("PUT", "/latest/api/token"), ("GET", "/latest/meta-data/iam/security-credentials/"),
                                   ("GET", "/latest/meta-data/iam/security-credentials/the-role")])
    aws.role = ""
    message = why(metadata=aws.url)
    for part in ("AWS_ACCESS_KEY_ID (not set)", "credentials (not there)", "AWS_WEB_IDENTITY_TOKEN_FILE (not set)", "_FULL_URI (not set)",
                 "HTTP 404: the instance has no role attached", "or AWS_PROFILE, or run where a role is attached"):
        has(message, part)
    aws.role, aws.answer = "r", json.dumps({"Code": "AssumeRoleUnauthorizedAccess"})
    has(why(metadata=aws.url), "see the trust policy")
    has(why(metadata=aws.url, config="[default]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n"), "credential_source of profile \"default\"")
    has(why(AWS_EC2_METADATA_DISABLED="true"), "turned off by AWS_EC2_METADATA_DISABLED")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.time()
        has(why(metadata="http://127.0.0.1:%d" % silent.getsockname()[1]), "did not answer within 1000 ms")
        eq(time.time() - start < 2.5, True)


@case("keys are renewed before they end, and used on while renewing fails")
def _():
    aws = Aws()
    aws.life = 3
    c = client(endpoint=aws.url, metadata=aws.url)
    c.ok("iam.ListUsers")
    c.ok("iam.ListUsers")
    time.sleep(2.4)
    c.ok("iam.ListUsers")
    eq(aws.used, ["ASIA0001", "ASIA0001", "ASIA0002"])
    aws.status = 500
    time.sleep(2.4)
    c.ok("iam.ListUsers")
    c.ok("iam.ListUsers")
    eq((aws.used[3:], len(aws.seen)), (["ASIA0002"] * 2, 7))  # asked once more, then not for a while
    time.sleep(0.8)
    o = c.call("iam.ListUsers")
    eq((o["code"], o["meta"]["attempts"]), ("credentials", 0))
    aws.status = 200
    c.ok("iam.ListUsers")
    eq(aws.used[-1], "ASIA0003")
    c.close()


@case("credentials that end in the middle of a run are renewed and the call made again, once")
def _():
    aws = Aws()
    c = client(endpoint=aws.url, metadata=aws.url)
    c.ok("iam.ListUsers")
    aws.expired = {"ASIA0001"}
    o = c.call("iam.ListUsers")
    eq((o["ok"], aws.used, o["meta"]["retries"]), (True, ["ASIA0001", "ASIA0001", "ASIA0002"], [{"code": "credentials_renewed", "delay_ms": 0}]))
    aws.expired = {"ASIA0002", "ASIA0003", "ASIA0004"}
    o = c.call("iam.ListUsers")
    eq((o["code"], o["meta"]["attempts"]), ("ExpiredToken", 2))
    has(o["message"], "the credentials have expired: get new ones")
    c.close()
    home = tempdir()
    c = client(home=home, endpoint=aws.url, credentials="[default]\n" + STATIC % "ASIA0004")
    with open(home + "/credentials", "w", encoding="utf-8") as f:
        f.write("[default]\n" + STATIC % "FRESH")
    c.ok("iam.ListUsers")
    eq(aws.used[-1], "FRESH")
    c.close()
    c = client(endpoint=aws.url, AWS_ACCESS_KEY_ID="ASIA0004", AWS_SECRET_ACCESS_KEY="SECRETwJalr")
    o = c.call("iam.ListUsers")
    eq((o["code"], o["meta"]["attempts"]), ("ExpiredToken", 1))  # the environment stays as it is
    c.close()


@case("twenty calls at once fetch credentials once; calls given up meanwhile do no harm")
def _():
    aws = Aws()
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env.update(AWS_ENDPOINT_URL=aws.url, AWS_REGION="eu-west-1", AWS_EC2_METADATA_SERVICE_ENDPOINT=aws.url, HOME=tempdir())
    r = subprocess.run([DRIVER, "--parallel", "20"], env=env, capture_output=True, text=True, timeout=20, check=False)
    eq((r.stdout, r.stderr, r.returncode), ("20\n", "", 0))
    eq((aws.n, set(aws.used)), (1, {"ASIA0001"}))


TRICKY = [
    "[default]\nregion=eu-west-1\n", "[default]\nregion = a # no comment\n; c\n#d\nx=y\n", "[profile a]\nregion = x\n[a]\nregion = y\n",
    "[profile 'a']\nregion=q\n", "[profile \"a\"]\nregion=q\n", "[profile  a ]\nregion=q\n", "[profile]\nregion=q\n", "[profile a b]\nregion=q\n",
    "[default]\ns3 =\n  x = 1\n  y = 2\nregion = z\n", "[default]\nregion:colon\nx : y = z\n", "[default]\nregion =\n", "[default]\nregion\n",
    "[default]\nregion = a\n  b\n c\n", "[default]\n  region = a\n  x = b\n", "[default]\n\n\nregion = a\n\n", "region = a\n", "", "# only\n",
    "[default]\nregion=a\nregion=b\n", "[default]\nx=1\n[default]\nregion=b\n", "[default]\nREGION = Capital\n", "[DEFAULT]\nregion = all\n[default]\n[profile a]\nx=1\n",
    "[default] trailing\nregion=a\n", "[default]]\nregion=a\n", "[]\n", "[default\nregion=a\n", "[default]\nregion==a\n", "[default]\n= a\n", "[default]\r\nregion = crlf\r\n",
    "[default]\nregion = ä\n", "[default]\n\tregion = tab\n\t\tmore\n", "[default]\nx = [a]\n[profile a]\nregion=r\n", "[profile default]\nregion=p\n", "[default]\nregion=d\n[profile default]\nregion=p\n",
    "[profile default]\nregion=p\n[default]\nregion=d\n", "[default]\nregion = \"quoted\"\n", "[default]\nregion=%(x)s\n", "[default]\na;b=1\nregion = x;y\n", "[default]\nregion=x\\\n",
    "[default]\nregion = a\n# c\n  b\n", "[default]\nregion = a\n  # c\n  b\n", "[profile a]\nregion=1\n[profile 'a']\nx=2\n", "[profile \"unclosed]\nregion=1\n",
]


def botocore_reads(config, credentials):
    """The profiles, None when the files are refused."""
    s = botocore.session.Session()
    s.set_config_variable("config_file", config)
    s.set_config_variable("credentials_file", credentials)
    try:
        return s.full_config["profiles"]
    except botocore.exceptions.ConfigParseError:
        return None


@case("the shared files are read as botocore reads them")
def _():
    d = tempdir()
    p = subprocess.Popen([DRIVER, "--dump"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    wrong = []
    for config, credentials in [(t, "") for t in TRICKY] + [("[default]\nregion=c\nx=c\n", t) for t in TRICKY]:
        for name, text in (("config", config), ("credentials", credentials)):
            with open(os.path.join(d, name), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        reads = botocore_reads(d + "/config", d + "/credentials")
        for profile in ("default", "a", "a b", "profile a"):
            q = {"config": d + "/config", "credentials": d + "/credentials", "profile": profile, "keys": ["region", "x", "a;b", "a"]}
            p.stdin.write(json.dumps(q) + "\n")
            p.stdin.flush()
            got = json.loads(p.stdout.readline())
            want = "error" if not reads or profile not in reads else {k: v for k, v in reads[profile].items() if isinstance(v, str) and v}
            if ("error" if "error" in got else got) != want:
                wrong.append("%r %r [%s]: %s, botocore: %s" % (config, credentials, profile, got, want))
    p.stdin.close()
    eq((wrong, p.wait(10)), ([], 0))


@case("the README's table of settings is the program's")
def _():
    table = subprocess.run([DRIVER, "--table"], capture_output=True, text=True, check=True).stdout
    with open(os.path.join("stdlib", "aws", "README.md"), encoding="utf-8") as f:
        has(f.read(), table)


main()
