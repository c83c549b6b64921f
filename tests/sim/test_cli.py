"""The AWS CLI as a client of the simulated account: things made, read and changed in each protocol, its queries, pages and errors, files
copied to and from S3."""
# speed: slow
import concurrent.futures
import json
import os
import queue
import subprocess
import urllib.error
import urllib.request
import zipfile

from account import KEY, SECRET, Account
from pbtest import Skip, case, eq, has, main, run, tempdir

WORKERS = 3
AWS = "/usr/bin/aws"
HOME = tempdir()
account = Account("--page-size", "3", "--fault", "sns.ListTopics=InternalError", "--fault", "kms.ListKeys=ThrottlingException:9")
ENV = {"HOME": HOME, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "2",
       "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": ""}

# The CLI's modules loaded once; each command runs in a fork of that, as `aws` would have run it.
DRIVER = r"""
import json, os, sys
from awscli.clidriver import main
for line in sys.stdin:
    files = [os.path.join(os.environ["HOME"], "%d.%s" % (os.getpid(), n)) for n in ("out", "err")]
    child = os.fork()
    if not child:
        for number, path in zip((1, 2), files):
            os.dup2(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
        sys.argv = ["aws"] + json.loads(line)
        status = main()
        sys.stdout.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([status] + [open(f, errors="replace").read() for f in files]), flush=True)
"""
drivers = queue.SimpleQueue()
started = []


def command(args):
    driver = drivers.get()
    try:
        driver.stdin.write(json.dumps(args) + "\n")
        driver.stdin.flush()
        return subprocess.CompletedProcess(args, *json.loads(driver.stdout.readline()))
    finally:
        drivers.put(driver)


pool = concurrent.futures.ThreadPoolExecutor(WORKERS)


def start(line, *more):
    """An aws command, begun; its outcome is .result()."""
    if not os.path.exists(AWS):
        raise Skip("the AWS CLI is not installed (Debian's package awscli)")
    while len(started) < WORKERS:
        started.append(subprocess.Popen(["/usr/bin/python3", "-W", "ignore", "-c", DRIVER], env={**os.environ, **ENV}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        drivers.put(started[-1])
    return pool.submit(command, ["--endpoint-url", account.url, "--output", "json", *line.split(), *more])


def out(future):
    p = future.result()
    if p.returncode:
        raise AssertionError("%s: status %d: %s" % (" ".join(p.args[4:]), p.returncode, p.stderr.strip()[-500:]))
    return json.loads(p.stdout) if p.stdout.strip()[:1] in ("{", "[", '"') else p.stdout


def together(*lines):
    return [out(f) for f in [start(*((x,) if isinstance(x, str) else x)) for x in lines]]


@case("the command itself")
def _():
    start("")  # skips when there is none
    p = run([AWS, "--endpoint-url", account.url, "sts", "get-caller-identity", "--query", "Account", "--output", "text"], env=ENV)
    eq((p.returncode, p.stdout), (0, "123456789012\n"), p.stderr)


@case("each protocol: made, changed, read back, with --query and pages")
def _():
    role = "arn:aws:iam::123456789012:role/r"
    zipped = os.path.join(HOME, "f.zip")
    with zipfile.ZipFile(zipped, "w") as f:
        f.writestr("a.py", "")
    for n in range(3, 8):
        account.client("iam").create_user(UserName="u%d" % n)
        account.client("ssm").put_parameter(Name="/p/%d" % n, Value="v", Type="String")
    together("iam create-user --user-name u1 --tags Key=a,Value=b", "ec2 create-vpc --cidr-block 10.7.0.0/16 --tag-specifications ResourceType=vpc,Tags=[{Key=Name,Value=mine}]",
             "ssm put-parameter --name /p/1 --value one --type String", "s3api create-bucket --bucket made-by-cli",
             "lambda create-function --function-name f --runtime python3.9 --handler a.b --role %s --zip-file fileb://%s" % (role, zipped),
             "dynamodb create-table --table-name tab --billing-mode PAY_PER_REQUEST --key-schema AttributeName=k,KeyType=HASH --attribute-definitions AttributeName=k,AttributeType=S", "sns create-topic --name t")
    policy = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
    together(("iam put-user-policy --user-name u1 --policy-name p --policy-document", policy), "lambda put-function-concurrency --function-name f --reserved-concurrent-executions 0",
             ("dynamodb put-item --table-name tab --item", '{"k": {"S": "switch"}, "on": {"BOOL": true}}'), "s3api put-bucket-tagging --bucket made-by-cli --tagging TagSet=[{Key=a,Value=b}]",
             "ssm put-parameter --name /p/1 --value two --overwrite")
    kept, conc, item, tags, param, vpc, names, some = together(
        "iam get-user-policy --user-name u1 --policy-name p", "lambda get-function-concurrency --function-name f", ("dynamodb get-item --table-name tab --key", '{"k": {"S": "switch"}}'),
        "s3api get-bucket-tagging --bucket made-by-cli", "ssm get-parameter --name /p/1 --query Parameter.[Value,Version]", "ec2 describe-vpcs --filters Name=tag:Name,Values=mine --query Vpcs[].CidrBlock --output text",
        "iam list-users --query Users[].UserName", "iam list-users --max-items 4 --page-size 2")
    eq(kept["PolicyDocument"], json.loads(policy))
    eq((conc, item["Item"]["on"], tags["TagSet"], param), ({"ReservedConcurrentExecutions": 0}, {"BOOL": True}, [{"Key": "a", "Value": "b"}], ["two", 2]))
    eq((vpc.strip(), names), ("10.7.0.0/16", ["u1", "u3", "u4", "u5", "u6", "u7"]))
    eq([u["UserName"] for u in some["Users"]], ["u1", "u3", "u4", "u5"])
    rest, params = together("iam list-users --starting-token %s --query Users[].UserName" % some["NextToken"], "ssm get-parameters-by-path --path /p --query Parameters[].Name")
    eq((rest, params), (["u6", "u7"], ["/p/1"] + ["/p/%d" % n for n in range(3, 8)]))


@case("errors: status 254, with code and message; throttles retried and then told")
def _():
    asked = [("iam get-user --user-name none", "NoSuchEntity", "cannot be found"), ("ec2 describe-instances --instance-ids i-0123456789abcdef0", "InvalidInstanceID.NotFound", "i-0123456789abcdef0"),
             ("ssm get-parameter --name none", "ParameterNotFound", ""), ("lambda get-function --function-name none", "ResourceNotFoundException", "Function not found"),
             ("s3api get-bucket-policy --bucket made-by-none", "NoSuchBucket", ""), ("dynamodb describe-table --table-name none", "ResourceNotFoundException", "none"),
             ("kms list-keys", "ThrottlingException", "asked for"), ("ec2 describe-nat-gateways", "NotImplemented", "ec2.DescribeNatGateways")]
    for (line, code, part), future in [(a, start(a[0])) for a in asked]:
        p = future.result()
        eq(p.returncode, 254, line)
        has(p.stderr, "(%s)" % code)
        has(p.stderr, part)
    eq(out(start("sns list-topics --query Topics[].TopicArn")), ["arn:aws:sns:us-east-1:123456789012:t"])  # one fault, one retry


@case("files go to S3 and come back, large ones in parts; a signed URL opens one for a while")
def _():
    small, large = os.path.join(HOME, "small file.txt"), os.path.join(HOME, "large")
    data = {small: b"a few words\n", large: os.urandom(9 << 20)}
    for path, content in data.items():
        with open(path, "wb") as f:
            f.write(content)
    account.client("s3").create_bucket(Bucket="files")
    together(("s3 cp", small, "s3://files/dir/small file.txt"), "s3 cp --no-progress %s s3://files/large" % large)
    listed, url, _ = together("s3 ls --recursive s3://files", ("s3 presign", "s3://files/dir/small file.txt"),
                                     "s3 cp --no-progress s3://files/large %s.back" % large)
    has(listed, "dir/small file.txt")
    has(listed, str(len(data[large])))
    with open(large + ".back", "rb") as f:
        eq(f.read() == data[large], True)
    eq(urllib.request.urlopen(url.strip(), timeout=10).read(), data[small])
    try:
        urllib.request.urlopen(url.strip().replace("small", "smell"), timeout=10)
        raise AssertionError("no error")
    except urllib.error.HTTPError as e:
        eq(e.code, 403)
    together("s3 cp --no-progress s3://files/large s3://files/copy", "s3 rm --quiet --recursive s3://files/dir")
    eq(account.client("s3").list_objects_v2(Bucket="files")["KeyCount"], 2)


@case("it is still there, and ends when told to")
def _():
    for p in started:
        p.stdin.close()
        eq(p.wait(20), 0)
    account.alive()
    eq(account.stop(), 0)


main()
