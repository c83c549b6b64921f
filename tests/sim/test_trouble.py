"""The simulated account misbehaves as it was told to, and in each protocol's own words: faults, throttles, delays, half and lost
answers, small and empty pages, rules that come while it runs. boto3 is the client."""
# speed: slow
# runs: sanitized
import http.client
import re
import time

import boto3
from botocore.exceptions import ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from botocore.parsers import ResponseParserError

from account import ACCOUNT, KEY, SECRET, Account, refused
from pbtest import PBRUN, case, eq, has, main, run

TOKEN = "control-token-of-the-test"
account = Account("--control", TOKEN)

# A call that answers well on an empty account: service, operation, method, arguments, what "slower" is called there.
CALLS = {
    "query": ("iam", "ListUsers", {}, "Throttling", 400),
    "ec2": ("ec2", "DescribeVpcs", {}, "RequestLimitExceeded", 503),
    "json 1.0": ("dynamodb", "ListTables", {}, "ProvisionedThroughputExceededException", 400),
    "json 1.1": ("ssm", "DescribeParameters", {}, "ThrottlingException", 400),
    "rest-json": ("lambda", "ListFunctions", {}, "TooManyRequestsException", 429),
    "rest-xml": ("s3", "ListBuckets", {}, "SlowDown", 503),
}


def snake(op):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", op).lower()


def call(protocol, **config):
    service, op, kw, _, _ = CALLS[protocol]
    return getattr(account.client(service, **config), snake(op))(**kw)


def name(protocol):
    return "%s.%s" % CALLS[protocol][:2]


def control(method, body="", token=TOKEN, path="/_sim/trouble"):
    c = http.client.HTTPConnection("127.0.0.1", account.port, timeout=10)
    c.request(method, path, body, {"X-Sim-Token": token} if token else {})
    r = c.getresponse()
    return r.status, r.read().decode()


def rules(*lines):
    eq(control("DELETE")[0], 200)
    status, text = control("POST", "\n".join(lines))
    eq(status, 200, text)
    return text


@case("a fault comes with its code, message and status in every protocol, as often as asked")
def _():
    for protocol in CALLS:
        rules("fault %s=SomethingBroke@409:2" % name(protocol), "fault %s=InternalError" % name(protocol))
        for _ in range(2):
            with refused("SomethingBroke", 409, "asked for"):
                call(protocol)
        with refused("InternalError", 500, "asked for"):
            call(protocol)
        call(protocol)
    rules("fault route53.*=NoSuchHostedZone@404", "fault s3control.*=NoSuchPublicAccessBlockConfiguration@404", "fault rds.Describe*=DBInstanceNotFound@404:3", "fault efs.*=FileSystemNotFound@404")
    with refused("NoSuchHostedZone", 404):
        account.client("route53").list_hosted_zones()
    with refused("DBInstanceNotFound", 404):
        account.client("rds").describe_db_instances()
    with refused("FileSystemNotFound", 404):
        account.client("efs").describe_file_systems()
    has(control("GET")[1], "fault rds.Describe*=DBInstanceNotFound:2\n")


@case("more calls than the rate are refused in the service's own words, and boto3 retries them")
def _():
    for protocol, (_, _, _, code, status) in CALLS.items():
        rules("throttle %s=0.001:2" % name(protocol))
        for _ in range(2):
            call(protocol)
        with refused(code, status):
            call(protocol)
    rules("throttle *=50:1")
    start = time.monotonic()
    for protocol in CALLS:
        for _ in range(2):
            call(protocol, retries={"total_max_attempts": 8, "mode": "standard"})
    eq(time.monotonic() - start < 30, True)
    for other, code, status in (("sns", "Throttled", 429), ("organizations", "TooManyRequestsException", 400), ("securityhub", "TooManyRequestsException", 429), ("cloudtrail", "ThrottlingException", 400)):
        rules("throttle %s.*=0.001:1" % other)
        c = account.client(other)
        ask = {"sns": c.list_topics if other == "sns" else None, "organizations": getattr(c, "list_accounts", None), "securityhub": getattr(c, "describe_hub", None), "cloudtrail": getattr(c, "describe_trails", None)}[other]
        try:
            ask()
        except c.exceptions.ClientError:
            pass
        with refused(code, status):
            ask()


@case("cut, lost, halved and nonsensical answers; what was lost has happened")
def _():
    for protocol in CALLS:
        rules("fault %s=Close" % name(protocol), "fault %s=Garbage" % name(protocol), "fault %s=Half" % name(protocol))
        for wanted in ((ConnectionClosedError,), (ResponseParserError, KeyError), (IncompleteReadError, ResponseStreamingError, ConnectionClosedError, ResponseParserError)):
            try:
                got = call(protocol)
                # To botocore, what is no JSON is an answer without members.
                eq(("json" in protocol, list(got)), (True, ["ResponseMetadata"]), "%s: %s" % (protocol, wanted))
            except AssertionError:
                raise
            except wanted:
                pass
            except Exception as e:
                raise AssertionError("%s: %s %s, want %s" % (protocol, type(e).__name__, e, wanted)) from None
        call(protocol)
    iam = account.client("iam")
    for word, made in (("Close", False), ("Lost", True), ("Half", True)):
        rules("fault iam.CreateUser=%s" % word)
        try:
            iam.create_user(UserName="user-" + word)
            raise AssertionError("no error")
        except (ConnectionClosedError, IncompleteReadError, ResponseStreamingError, ResponseParserError):
            pass
        eq("user-" + word in [u["UserName"] for u in iam.list_users()["Users"]], made, word)


@case("a batch fails in part, and the rest is done")
def _():
    rules("fault *=partial:99")
    hub, events, s3, ddb = (account.client(s) for s in ("securityhub", "events", "s3", "dynamodb"))
    hub.enable_security_hub()
    product = "arn:aws:securityhub:us-east-1:%s:product/%s/default" % (ACCOUNT, ACCOUNT)
    findings = [{"SchemaVersion": "2018-10-08", "Id": "f%d" % n, "ProductArn": product, "GeneratorId": "g", "AwsAccountId": ACCOUNT, "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z",
                 "Severity": {"Label": "HIGH"}, "Title": "t", "Description": "d", "Resources": [{"Type": "Other", "Id": "x"}]} for n in range(3)]
    got = hub.batch_import_findings(Findings=findings)
    eq((got["SuccessCount"], got["FailedCount"], got["FailedFindings"][0]["Id"]), (2, 1, "f0"))
    ids = [{"Id": "f%d" % n, "ProductArn": product} for n in (1, 2)]
    got = hub.batch_update_findings(FindingIdentifiers=ids, Workflow={"Status": "NOTIFIED"})
    eq(([i["Id"] for i in got["ProcessedFindings"]], got["UnprocessedFindings"][0]["ErrorCode"]), (["f2"], "ConcurrentUpdateError"))
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    got = events.put_events(Entries=[entry, entry])
    eq((got["FailedEntryCount"], got["Entries"][0]["ErrorCode"], "EventId" in got["Entries"][1]), (1, "InternalFailure", True))
    s3.create_bucket(Bucket="partial")
    for k in "ab":
        s3.put_object(Bucket="partial", Key=k, Body=b"x")
    got = s3.delete_objects(Bucket="partial", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    eq((got["Errors"][0]["Key"], got["Errors"][0]["Code"], [d["Key"] for d in got["Deleted"]]), ("a", "InternalError", ["b"]))
    ddb.create_table(TableName="tab", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    asked = [{"PutRequest": {"Item": {"k": {"S": c}}}} for c in "ab"]
    left = ddb.batch_write_item(RequestItems={"tab": asked})["UnprocessedItems"]
    eq(left, {"tab": asked[:1]})
    got = ddb.batch_get_item(RequestItems={"tab": {"Keys": [{"k": {"S": "a"}}, {"k": {"S": "b"}}]}})
    eq((got["UnprocessedKeys"]["tab"]["Keys"], got["Responses"]["tab"]), ([{"k": {"S": "a"}}], [{"k": {"S": "b"}}]))


@case("answers come late, to the one that asked and to no other")
def _():
    rules("delay iam.ListUsers=600ms:1", "delay iam.CreateUser=2s")
    start = time.monotonic()
    call("query")
    eq(time.monotonic() - start >= 0.6, True)
    start = time.monotonic()
    call("query")
    eq(time.monotonic() - start < 0.5, True)
    try:
        account.client("iam", read_timeout=0.3).create_user(UserName="late")
        raise AssertionError("no error")
    except ReadTimeoutError:
        pass
    start = time.monotonic()
    eq("late" in [u["UserName"] for u in call("query")["Users"]], True, "what is answered late is done at once")
    eq(time.monotonic() - start < 0.5, True, "others wait")


def everything():
    """(name, what a paginator gives) of a list in each protocol; filled once."""
    ssm, lam, ec2, iam, asg, org, sns = (account.client(s) for s in ("ssm", "lambda", "ec2", "iam", "autoscaling", "organizations", "sns"))

    def joined(client, op, member, **kw):
        pages = [p.get(member, []) for p in client.get_paginator(op).paginate(**kw)]
        return [i for p in pages for i in p], [len(p) for p in pages]
    return {"ssm": joined(ssm, "describe_parameters", "Parameters"), "lambda": joined(lam, "list_functions", "Functions"), "ec2": joined(ec2, "describe_tags", "Tags"), "iam": joined(iam, "list_users", "Users"),
            "autoscaling": joined(asg, "describe_auto_scaling_groups", "AutoScalingGroups"), "organizations": joined(org, "list_accounts", "Accounts"), "sns": joined(sns, "list_topics", "Topics"),
            "dynamodb": joined(account.client("dynamodb"), "list_tables", "TableNames"), "s3": joined(account.client("s3"), "list_objects_v2", "Contents", Bucket="pages")}


@case("lists come whole through small and empty pages, in every protocol; made-up tokens are refused")
def _():
    rules()
    ssm, lam, ec2, iam, asg, sns, s3, ddb = (account.client(s) for s in ("ssm", "lambda", "ec2", "iam", "autoscaling", "sns", "s3", "dynamodb"))
    s3.create_bucket(Bucket="pages")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    for n in range(5):
        ssm.put_parameter(Name="p%d" % n, Value="v", Type="String")
        lam.create_function(FunctionName="f%d" % n, Role="arn:aws:iam::%s:role/r" % ACCOUNT, Code={"ZipFile": b"z"})
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "k%d" % n, "Value": "v"}])
        iam.create_user(UserName="page%d" % n)
        asg.create_auto_scaling_group(AutoScalingGroupName="g%d" % n, MinSize=0, MaxSize=1, AvailabilityZones=["us-east-1a"])
        sns.create_topic(Name="t%d" % n)
        s3.put_object(Bucket="pages", Key="k%d" % n, Body=b"x")
        ddb.create_table(TableName="page%d" % n, KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    whole = {k: v[0] for k, v in everything().items()}
    eq(all(len(v) >= 1 for v in whole.values()), True)
    rules("page-size 2")
    for k, (items, sizes) in everything().items():
        eq((items, max(sizes) <= 2), (whole[k], True), k)
    rules("page-size 2", "empty-pages")
    for k, (items, sizes) in everything().items():
        eq(items, whole[k], k)
        if k not in ("dynamodb", "s3"):
            eq((sizes[::2], all(sizes[1::2])), ([0] * ((len(sizes) + 1) // 2), True), k)
    rules()
    for ask, code in ((lambda t: ssm.describe_parameters(NextToken=t), "InvalidNextToken"), (lambda t: lam.list_functions(Marker=t), "InvalidParameterValueException"), (lambda t: ec2.describe_tags(NextToken=t), "InvalidNextToken"),
                      (lambda t: iam.list_users(Marker=t), "ValidationError"), (lambda t: asg.describe_auto_scaling_groups(NextToken=t), "InvalidNextToken"), (lambda t: sns.list_topics(NextToken=t), "InvalidParameter")):
        token = iam.list_users(MaxItems=1)["Marker"]
        for wrong in ("x", "ZnJvbTox", token[:-4] + "AAA=", "=" * 50) + (() if code == "ValidationError" else (token,)):
            with refused(code, 400):
                ask(wrong)


@case("rules are read whole or not at all, and only with the token")
def _():
    rules("delay a.B=1s", "empty-pages")
    for body, part in (("fault x", "SERVICE.OPERATION=CODE"), ("fault ec2.X=", "SERVICE.OPERATION=CODE"), ("fault ec2.X=Y:0", "from 1"), ("fault ec2.X=Y@200", "400 to 599"), ("throttle ec2.X=0", "above 0"),
                       ("throttle ec2.X=1:0", "burst"), ("delay ec2.X=5", "200ms"), ("delay ec2.X=11111s", "10 minutes"), ("page-size 0", "1 to 1000"), ("empty-pages x", "nothing"), ("dance", "no such rule"),
                       ("fault %s.X=Y" % ("e" * 200), "SERVICE"), ("fault ec2.X=%s" % ("e" * 200), "63")):
        status, text = control("POST", "fault ec2.X=Y\n" + body)
        eq(status, 400, body)
        has(text, part)
    eq(control("POST", "\n".join("fault ec2.X=Y" for _ in range(65)))[0], 400)
    eq(control("GET"), (200, "delay a.B=1000ms\nempty-pages\n"))
    for token in ("", "wrong", TOKEN + "x"):
        eq(control("GET", token=token)[0], 403)
        eq(control("POST", "fault ec2.*=Y", token=token)[0], 403)
    eq(control("PUT")[0], 405)
    eq(control("DELETE"), (200, ""))
    eq(control("GET"), (200, ""))
    plain = Account("--fault", "iam.ListUsers=Oops", "--throttle", "sts.*=0.001:1", "--delay", "s3.*=1ms", "--page-size", "1", "--empty-pages")
    c = http.client.HTTPConnection("127.0.0.1", plain.port)
    c.request("GET", "/_sim/trouble", headers={"X-Sim-Token": ""})
    eq(c.getresponse().status in (400, 403), True)  # no token was given: there is no such path
    c.close()
    with refused("Oops"):
        plain.client("iam").list_users()
    plain.client("sts").get_caller_identity()
    with refused("Throttling"):
        plain.client("sts").get_caller_identity()
    eq(plain.stop(), 0)
    for options, part in ((("--page-size", "x"), "1 to 1000"), (("--throttle", "x=1"), "SERVICE.OPERATION=RATE"), (("--delay",), "value")):
        p = run([PBRUN, "sim", "--port", "0", *options])
        eq(p.returncode, 2)
        has(p.stderr, part)


@case("it ends when told to, also with answers still waiting")
def _():
    rules("delay iam.*=60s")
    c = http.client.HTTPConnection("127.0.0.1", account.port)
    client = boto3.client("iam", endpoint_url=account.url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                          config=boto3.session.Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    try:
        client.list_users()
    except ReadTimeoutError:
        pass
    c.close()
    account.alive()
    start = time.monotonic()
    eq(account.stop(), 0)
    eq(time.monotonic() - start < 5, True)


main()
