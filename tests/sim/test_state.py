"""What the simulated account keeps, shows, survives; its options and faults."""
# speed: slow
# runs: sanitized
import concurrent.futures
import os
import signal
import subprocess
import time

from account import Account, KEY, SECRET, refused, show
from pbtest import PBRUN, case, eq, has, main, run, tempdir

AMI = "ami-0abcdef1234567890"


def state_file():
    return os.path.join(tempdir(), "state.db")


def sim(*options, **more):
    return run([PBRUN, "sim", *options], **more)


@case("state lives through a restart, and keys made by it still sign")
def _():
    path = state_file()
    a = Account("--state", path)
    iam = a.client("iam")
    iam.create_user(UserName="kept")
    k = iam.create_access_key(UserName="kept")["AccessKey"]
    i = a.client("ec2").run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    a.client("s3").create_bucket(Bucket="kept-bucket")
    a.client("s3").put_object(Bucket="kept-bucket", Key="k", Body=b"\x00bytes\xff")
    eq(a.stop(), 0)
    a = Account("--state", path)
    eq(a.client("iam", k["AccessKeyId"], k["SecretAccessKey"]).get_user()["User"]["UserName"], "kept")
    eq(a.client("ec2").describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["State"]["Name"], "running")
    eq(a.client("s3").get_object(Bucket="kept-bucket", Key="k")["Body"].read(), b"\x00bytes\xff")
    eq(a.stop(), 0)


@case("killed at any moment, it comes back with whole requests only")
def _():
    path = state_file()
    for _ in range(4):
        a = Account("--state", path)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            def work():
                ec2 = a.client("ec2")
                try:
                    while True:
                        ec2.run_instances(ImageId=AMI, MinCount=2, MaxCount=2, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}])
                except Exception:  # the connection ends
                    return
            for _ in range(3):
                pool.submit(work)
            time.sleep(0.5)
            a.stop(signal.SIGKILL)
    kinds = {}
    for r in show(path)["resources"]:
        kinds[r["kind"]] = kinds.get(r["kind"], 0) + 1
    eq(kinds["ec2.instance"] > 4, True, str(kinds))
    eq((kinds["ec2.instance"] % 2, kinds["ec2.volume"], kinds["ec2.network-interface"]), (0, kinds["ec2.instance"] * 2, kinds["ec2.instance"]))
    eq(kinds["ec2.vpc"], 1)
    a = Account("--state", path)
    eq(len(a.client("ec2").describe_instances(MaxResults=1000)["Reservations"]) * 2, kinds["ec2.instance"])
    eq(a.stop(), 0)


@case("--show beside a running account: calls counted, changes counted, secrets masked")
def _():
    path = state_file()
    a = Account("--state", path)
    iam, sns = a.client("iam"), a.client("sns")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    for _ in range(3):
        iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("NoSuchEntity"):
        iam.get_user(UserName="none")
    a.client("ssm").put_parameter(Name="token", Value="a-secret-value", Type="SecureString")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    a.client("ec2").describe_instances()
    seen = show(path)
    eq(seen["calls"]["iam.UpdateAccessKey"], {"count": 3, "changed": 1, "failed": 0})
    eq(seen["calls"]["iam.GetUser"], {"count": 1, "changed": 0, "failed": 1})
    eq(seen["calls"]["ec2.DescribeInstances"], {"count": 1, "changed": 0, "failed": 0})
    messages = [r["value"] for r in seen["resources"] if r["kind"] == "sns.message"]
    eq([(m["Message"], m["Subject"], m["TopicArn"]) for m in messages], [("hello", "s", topic)])
    text = sim("--state", path, "--show").stdout
    eq(key["SecretAccessKey"] in text or "a-secret-value" in text, False)
    eq(a.stop(), 0)


@case("the same seed and calls give the same identifiers, another seed others")
def _():
    def ids(*options):
        a = Account(*options)
        i = a.client("ec2").run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0]
        a.client("iam").create_user(UserName="u")
        k = a.client("iam").create_access_key(UserName="u")["AccessKey"]
        eq(a.stop(), 0)
        return i["InstanceId"], i["VpcId"], k["AccessKeyId"], k["SecretAccessKey"]
    one = ids()
    eq(ids(), one)
    eq(set(one) & set(ids("--seed", "other")), set())


@case("many clients at once: nothing lost, nothing twice")
def _():
    a = Account()

    def work(n):
        iam, ec2 = a.client("iam"), a.client("ec2")
        for m in range(6):
            iam.create_user(UserName="user-%d-%d" % (n, m))
        return [ec2.run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0] for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = [i for part in pool.map(work, range(8)) for i in part]
    eq(len({i["InstanceId"] for i in made}), 32)
    eq(len({i["PrivateIpAddress"] for i in made}), 32)
    eq(len(a.client("iam").list_users()["Users"]), 48)
    eq(a.stop(), 0)


@case("faults that were asked for come as often as they were asked for")
def _():
    a = Account("--fault", "iam.ListUsers=Throttling:2", "--fault", "ec2.DescribeVpcs=RequestLimitExceeded", "--fault", "s3.ListBuckets=SlowDown", "--fault", "sts.GetCallerIdentity=Close",
                "--fault", "ssm.GetParameter=InternalServerError:1")
    iam = a.client("iam")
    for _ in range(2):
        with refused("Throttling", 400):
            iam.list_users()
    iam.list_users()
    with refused("RequestLimitExceeded", 503):
        a.client("ec2").describe_vpcs()
    with refused("SlowDown", 503):
        a.client("s3").list_buckets()
    with refused("InternalServerError", 500):
        a.client("ssm").get_parameter(Name="x")
    try:
        a.client("sts").get_caller_identity()
        raise AssertionError("no error")
    except (AssertionError, SystemExit):
        raise
    except Exception as e:
        has(type(e).__name__, "Connection")
    a.client("sts").get_caller_identity()
    eq(a.stop(), 0)


@case("--log says what was asked and what it came to, and no secret")
def _():
    path = os.path.join(tempdir(), "log")
    with open(path, "w", encoding="utf-8") as log:
        a = Account("--log", log=log)
        a.client("iam").create_user(UserName="u")
        with refused("NoSuchEntity"):
            a.client("iam").get_user(UserName="none")
        with refused("SignatureDoesNotMatch"):
            a.client("iam", secret="wrong-secret").list_users()
        eq(a.stop(), 0)
    with open(path, encoding="utf-8") as log:
        text = log.read()
    has(text, "iam.CreateUser us-east-1 200\niam.GetUser us-east-1 404 NoSuchEntity\n")
    has(text, "SignatureDoesNotMatch")
    eq(any(s in text for s in (SECRET, "wrong-secret", "Signature=")), False)


@case("the account's id, region and keys are as told, from the options or the environment")
def _():
    a = Account("--account", "210987654321", "--region", "eu-central-1")
    eq(a.client("sts", region="eu-central-1").get_caller_identity()["Account"], "210987654321")
    eq(a.client("sts").get_caller_identity()["Arn"], "arn:aws:iam::210987654321:root")
    eq(a.stop(), 0)
    p = subprocess.Popen([PBRUN, "sim", "--port", "0"], stdout=subprocess.PIPE, text=True, env={**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
    port = p.stdout.readline().rsplit(":", 1)[1]
    b = type("B", (), {"url": "http://127.0.0.1:%s" % port.strip()})
    Account.client(b, "sts").get_caller_identity()
    p.terminate()
    eq(p.wait(10), 0)
    p.stdout.close()


@case("what it says to wrong options, a port in use, a file that is no state")
def _():
    has(sim("--help").stdout, "usage: pbrun sim --port N")
    for options, part in (((), "--port"), (("--port", "x"), "--port"), (("--port", "70000"), "0 to 65535"), (("--prt", "1"), "no such option"), (("--port",), "value"),
                          (("--port", "0", "--account", "12"), "twelve digits"), (("--port", "0", "--region", "moon-1"), "no such region"), (("--show",), "--state"),
                          (("--port", "0", "--fault", "ec2"), "SERVICE.OPERATION=CODE"), (("--port", "0", "--fault", "ec2.X=Y:0"), "from 1")):
        p = sim(*options)
        eq(p.returncode, 2, " ".join(options))
        has(p.stderr, part)
    a = Account()
    p = sim("--port", str(a.port))
    eq(p.returncode, 1)
    has(p.stderr, "already in use")
    eq(a.stop(signal.SIGINT), 0)
    bad = os.path.join(tempdir(), "notes.txt")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("this is not a database, though it is long enough to look at\n" * 20)
    for options in (("--port", "0", "--state", bad), ("--state", bad, "--show"), ("--state", bad + ".missing", "--show")):
        p = sim(*options)
        eq(p.returncode, 1)
        has(p.stderr, os.path.basename(bad))


main()
