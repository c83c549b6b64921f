#!/usr/bin/python3
"""AWS calls beside boto3: pbrun running a playbook and a boto3 script make the same calls to the same local server.

  tests/bench/bench_aws.py [-n RUNS]

The server (constant.c) answers everything with the same bytes and does next to nothing, so that it is not what is measured. Every
figure comes from whole processes: one of N calls less one of a single call is what N-1 calls cost, without starting up; the single call
alone is the time to the first call, starting up included. Both clients take turns, medians count. CPU is user and system time of the
client's process; memory its peak. 64 in flight: 64 branches of a playbook's `parallel`, 64 threads with one boto3 client.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
WIDTH = 64

INSTANCE = """<item><instanceId>i-%017x</instanceId><imageId>ami-0abcdef1234567890</imageId><instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-0-1.eu-west-1.compute.internal</privateDnsName><dnsName/><reason/><keyName>ops</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>
<instanceType>m5.large</instanceType><launchTime>2024-01-15T10:30:00.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone><groupName/>
<tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId>
<privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item>
<item><groupId>sg-0123456789abcdef1</groupId><groupName>ops</groupName></item></groupSet><architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>
<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-0123456789abcdef0</volumeId>
<status>attached</status><attachTime>2024-01-15T10:30:01.000Z</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>
<virtualizationType>hvm</virtualizationType><clientToken>00000000-0000-4000-8000-000000000000</clientToken><tagSet><item><key>Name</key><value>web &amp; more</value></item>
<item><key>team</key><value>payments</value></item><item><key>stage</key><value>production</value></item></tagSet><hypervisor>xen</hypervisor><networkInterfaceSet><item>
<networkInterfaceId>eni-0123456789abcdef0</networkInterfaceId><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId><description/>
<ownerId>123456789012</ownerId><status>in-use</status><macAddress>0a:00:00:00:00:01</macAddress><privateIpAddress>10.0.0.1</privateIpAddress>
<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item></groupSet><attachment>
<attachmentId>eni-attach-0123456789abcdef0</attachmentId><deviceIndex>0</deviceIndex><status>attached</status><attachTime>2024-01-15T10:30:00.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination></attachment><privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress><primary>true</primary></item>
</privateIpAddressesSet></item></networkInterfaceSet><iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/web</arn><id>AIPAIOSFODNN7EXAMPLE</id>
</iamInstanceProfile><ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport></item>"""


def instances(n):
    items = "".join("<item><reservationId>r-%017x</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet>%s</instancesSet></item>" % (i, INSTANCE % i)
                    for i in range(n))
    return '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId><reservationSet>%s</reservationSet></DescribeInstancesResponse>' % items


def users(n):
    items = "".join("<member><Path>/</Path><UserName>user-%d</UserName><UserId>AIDA%016d</UserId><Arn>arn:aws:iam::123456789012:user/user-%d</Arn>"
                    "<CreateDate>2024-01-15T10:30:00Z</CreateDate></member>" % (i, i, i) for i in range(n))
    return ('<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated><Users>%s</Users></ListUsersResult>'
            "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></ListUsersResponse>" % items)


BLOCK = ("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
         "<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>")
PARAMETER = json.dumps({"Parameter": {"Name": "/app/key", "Type": "String", "Value": "v" * 200, "Version": 3, "LastModifiedDate": 1700000000.678,
                                      "ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/app/key", "DataType": "text"}})
# name, answer, its type, the playbook's call, boto3's client, method and arguments, calls of (pbrun, boto3): about as long each
CASES = [
    ("ec2.DescribeInstances, 1 instance", instances(1), "text/xml", 'aws.ec2.DescribeInstances(InstanceIds: ["i-0123456789abcdef0"])', "ec2", "describe_instances",
     {"InstanceIds": ["i-0123456789abcdef0"]}, (2000, 300)),
    ("ec2.DescribeInstances, 50 instances", instances(50), "text/xml", "aws.ec2.DescribeInstances(MaxResults: 1000)", "ec2", "describe_instances", {"MaxResults": 1000}, (64, 64)),
    ("iam.ListUsers, 100 users", users(100), "text/xml", "aws.iam.ListUsers(MaxItems: 100)", "iam", "list_users", {"MaxItems": 100}, (512, 128)),
    ("s3.GetPublicAccessBlock", BLOCK, "application/xml", 'aws.s3.GetPublicAccessBlock(Bucket: "a-bucket")', "s3", "get_public_access_block", {"Bucket": "a-bucket"}, (2000, 300)),
    ("ssm.GetParameter", PARAMETER, "application/x-amz-json-1.1", 'aws.ssm.GetParameter(Name: "/app/key")', "ssm", "get_parameter", {"Name": "/app/key"}, (2000, 300)),
]
SCRIPT = """import os, sys, boto3, botocore.config
service, method, arguments, calls, width = sys.argv[1], sys.argv[2], eval(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=botocore.config.Config(max_pool_connections=64, s3={"addressing_style": "path"}))
call = getattr(client, method)
if width == 1:
    for _ in range(calls):
        call(**arguments)
else:
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(width) as pool:
        list(pool.map(lambda _: call(**arguments), range(calls)))
"""
HEAD = 'playbook %s {\n  version "1.0.0"  summary "Calls"  owner "bench@example.com"  tier auto  controls ["SOC2-CC7.3"]\n  when guardduty.finding as f\n'


def loops(call, n):
    """n calls, as loops of at most ten: `let` in the innermost."""
    if n == 1:
        return "for _i in [1] { let _r = %s }" % call
    for k in range(10, 0, -1):
        if n % k == 0 and k > 1:
            return "for _i%d in %s { %s }" % (n, list(range(k)), loops(call, n // k))
    raise ValueError("%d calls cannot be put into loops" % n)


def playbook(work, name, call, calls, width):
    body = "  %s\n" % loops(call, calls) if width == 1 else "  parallel {\n%s  }\n" % "".join("    %s\n" % loops(call, calls // width) for _ in range(width))
    source, image = os.path.join(work, name + ".pb"), os.path.join(work, name + ".pbx")
    with open(source, "w", encoding="utf-8") as f:
        f.write(HEAD % name + body + "}\n")
    subprocess.run([os.path.join(BUILD, "pbc"), "build", "-o", image, source], check=True, stderr=subprocess.DEVNULL)
    return [os.path.join(BUILD, "pbrun"), "run", "-q", "-p", image, "-e", os.path.join(ROOT, "playbooks", "quarantine_instance.event.json")]


def measure(command, env):
    start = time.perf_counter()
    p = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.perf_counter() - start
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        sys.exit("%s ended with status %d" % (" ".join(command)[:300], p.returncode))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def middle(results):
    return [statistics.median(r[k] for r in results) for k in range(3)]


def per_call(many, one, calls):
    """(calls a second, CPU microseconds a call, peak MB)"""
    return (calls - 1) / max(many[0] - one[0], 1e-9), (many[1] - one[1]) / (calls - 1) * 1e6, many[2]


def bench(work, case, runs, env):
    name, answer, kind, call, service, method, arguments, (ours, theirs) = case
    path = os.path.join(work, "answer")
    with open(path, "w", encoding="utf-8") as f:
        f.write(answer)
    server = subprocess.Popen([os.path.join(BUILD, "tests", "constant"), path, kind], stdout=subprocess.PIPE, text=True)
    try:
        env = dict(env, AWS_ENDPOINT_URL="http://127.0.0.1:%s" % server.stdout.readline().strip())
        script = lambda n, width: ["/usr/bin/python3", "-W", "ignore", "-c", SCRIPT, service, method, repr(arguments), str(n), str(width)]
        wide = lambda n: max(n // WIDTH // 10, 1) * 10 * WIDTH if n > 640 else WIDTH * max(n // WIDTH, 1)  # as many for each, a product of small numbers
        commands = {("pbrun", "one"): playbook(work, "one", call, 1, 1), ("pbrun", "many"): playbook(work, "many", call, ours, 1),
                    ("pbrun", "wide"): playbook(work, "wide", call, wide(ours), WIDTH),
                    ("boto3", "one"): script(1, 1), ("boto3", "many"): script(theirs, 1), ("boto3", "wide"): script(wide(theirs), WIDTH)}
        got = {k: [] for k in commands}
        for i in range(runs + 1):
            for k, command in commands.items():
                result = measure(command, env)
                if i:  # the first round warms the file cache
                    got[k].append(result)
    finally:
        server.kill()
        server.wait()
    m = {k: middle(v) for k, v in got.items()}
    print("\n%s (an answer of %.1f KB)" % (name, len(answer) / 1024))
    print("%-34s %12s %12s %9s" % ("", "pbrun", "boto3", "ratio"))
    first = m["pbrun", "one"][0] * 1e3, m["boto3", "one"][0] * 1e3
    print("%-34s %12.1f %12.1f %8.0fx" % ("first call, fresh process, ms", *first, first[1] / first[0]))
    ratios = [first[1] / first[0]]
    for what, label, n_ours, n_theirs in (("many", "one after the other", ours, theirs), ("wide", "%d in flight" % WIDTH, wide(ours), wide(theirs))):
        a, b = per_call(m["pbrun", what], m["pbrun", "one"], n_ours), per_call(m["boto3", what], m["boto3", "one"], n_theirs)
        print("%-34s %12.0f %12.0f %8.0fx" % (label + ", calls a second", a[0], b[0], a[0] / b[0]))
        print("%-34s %12.0f %12.0f %8.0fx" % ("  CPU a call, microseconds", a[1], b[1], b[1] / a[1]))
        print("%-34s %12.1f %12.1f %8.1fx" % ("  peak memory, MB", a[2], b[2], b[2] / a[2]), flush=True)
        ratios.append(b[1] / a[1])
    return ratios


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("-n", type=int, default=5)
    p.add_argument("only", nargs="*", help="operations whose name holds a word")
    o = p.parse_args()
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and "proxy" not in k.lower()}
    env.update(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", AWS_REGION="eu-west-1",
               AWS_DEFAULT_REGION="eu-west-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent/config", AWS_SHARED_CREDENTIALS_FILE="/nonexistent/credentials")
    print("medians of %d runs, taking turns" % o.n)
    with tempfile.TemporaryDirectory(prefix="pbbench.") as work:
        rows = [bench(work, case, o.n, env) for case in CASES if not o.only or any(w in case[0] for w in o.only)]
    print("\nmedian ratio over the operations: first call %.0fx, CPU a call one after the other %.0fx, 64 in flight %.0fx"
          % tuple(statistics.median(r[k] for r in rows) for k in range(3)))


main()
