#!/usr/bin/python3
"""The demo: a simulated AWS account, five findings, five playbooks.

Starts `pbrun sim`, sets up a bucket, users and an instance through boto3 (an ordinary AWS client), fires the five events that
lie beside the playbooks at them, and shows the account before and after, what Slack was told, and the evidence. Then it fires the
same five events again and proves that nothing changes. Exit status 0 only if all of that came out right.

Everything happens on this machine: the account is a process, Slack a small receiver on a loopback port.
"""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("PB_BUILD", os.path.join(ROOT, "build"))
PBC, PBRUN = os.path.join(BUILD, "pbc"), os.path.join(BUILD, "pbrun")
PLAYBOOKS = os.path.join(ROOT, "playbooks")
ACCOUNT, REGION = "123456789012", "us-east-1"
KEY, SECRET = "AKIADEMORESPONDER000", "demo-secret-of-the-responder-not-a-real-one"
NAMES = ["block_public_bucket", "revoke_exposed_key", "revoke_user_sessions", "quarantine_instance", "report_root_login"]
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("",) * 5


def title(text):
    print("\n%s%s%s" % (BOLD, text, PLAIN), flush=True)


class Slack(http.server.BaseHTTPRequestHandler):
    """Takes chat.postMessage as Slack does and keeps the messages."""
    messages = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ok = self.path.endswith("/chat.postMessage") and self.headers.get("Authorization") == "Bearer xoxb-demo"
        if ok:
            Slack.messages.append((body["channel"], body["text"]))
        answer = json.dumps({"ok": True, "channel": "C0DEMO", "ts": "%d.000100" % time.time()} if ok else {"ok": False, "error": "invalid_auth"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Account:
    """The simulated account, looked at through boto3 like any other."""

    def __init__(self, url):
        def client(service):
            return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                                config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}))
        self.iam, self.s3, self.ec2 = client("iam"), client("s3"), client("ec2")

    def set_up(self, events):
        bucket = events["block_public_bucket"]["detail"]["resource"]["s3BucketDetails"][0]["name"]
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "Team", "Value": "identity"}]})
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%s/*" % bucket}]}))
        self.bucket = bucket
        key = events["revoke_exposed_key"]["detail"]["resource"]["accessKeyDetails"]
        self.users = [key["userName"], events["revoke_user_sessions"]["detail"]["resource"]["accessKeyDetails"]["userName"]]
        for user in self.users:
            self.iam.create_user(UserName=user)
            made = self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
            if user == key["userName"]:
                key["accessKeyId"] = made
        vpc = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        group = self.ec2.create_security_group(GroupName="web", Description="web servers", VpcId=vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        image = "ami-0abcdef1234567890"
        instances = self.ec2.run_instances(ImageId=image, InstanceType="c5.xlarge", MinCount=2, MaxCount=2, SecurityGroupIds=[group], BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}, {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 100}}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "api"}]}])["Instances"]
        self.instance = instances[0]["InstanceId"]
        events["quarantine_instance"]["detail"]["resource"]["instanceDetails"]["instanceId"] = self.instance

    def bucket_state(self):
        try:
            block = self.s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"]
        except self.s3.exceptions.ClientError as e:
            block = e.response["Error"]["Code"]
        return {"bucket": self.bucket, "public": self.s3.get_bucket_policy_status(Bucket=self.bucket)["PolicyStatus"]["IsPublic"], "public access block": block}

    def user_state(self, user):
        policies = {n: self.iam.get_user_policy(UserName=user, PolicyName=n)["PolicyDocument"] for n in self.iam.list_user_policies(UserName=user)["PolicyNames"]}
        return {"user": user, "keys": {k["AccessKeyId"]: k["Status"] for k in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]},
                "inline policies": {n: d["Statement"][0].get("Condition", {}) for n, d in policies.items()}}

    def instance_state(self):
        i = self.ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]
        nics = self.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [self.instance]}])["NetworkInterfaces"]
        groups = sorted({g["GroupId"] for n in nics for g in n["Groups"]})
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])["SecurityGroupRules"]
        snapshots = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return {"instance": self.instance, "state": i["State"]["Name"], "groups": sorted("%s (%s)" % (g["GroupId"], g["GroupName"]) for n in nics for g in n["Groups"]),
                "rules of the groups": len(rules), "tags": {t["Key"]: t["Value"] for t in i.get("Tags", [])},
                "snapshots": {s["SnapshotId"]: s["VolumeId"] for s in snapshots}}

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
        """The whole account, for "nothing changed"."""
        return {"shown": [self.show(n) for n in NAMES], "buckets": [b["Name"] for b in self.s3.list_buckets()["Buckets"]],
                "groups": self.ec2.describe_security_groups()["SecurityGroups"], "snapshots": self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"],
                "instances": self.ec2.describe_instances()["Reservations"], "users": [u["UserName"] for u in self.iam.list_users()["Users"]]}


def print_state(label, state):
    print("%s  %-7s%s" % (DIM, label, PLAIN) + json.dumps(state, default=str))


def main():
    work = tempfile.mkdtemp(prefix="pbdemo.")
    sim = None
    failures = []
    try:
        events = {}
        for n in NAMES:
            with open(os.path.join(PLAYBOOKS, n + ".event.json"), encoding="utf-8") as f:
                events[n] = json.load(f)

        title("Compiling the playbooks")
        bundle = os.path.join(work, "playbooks.pbx")
        subprocess.run([PBC, "check", PLAYBOOKS], check=True)
        subprocess.run([PBC, "build", "-o", bundle, PLAYBOOKS], check=True)
        print("  %d bytes of bytecode" % os.path.getsize(bundle))

        title("Starting the simulated account")
        sim = subprocess.Popen([PBRUN, "sim", "--port", "0", "--account", ACCOUNT, "--region", REGION, "--access-key", KEY, "--secret-key", SECRET],
                               stdout=subprocess.PIPE, text=True)
        url = sim.stdout.readline().split()[-1]
        slack = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slack)
        threading.Thread(target=slack.serve_forever, daemon=True).start()
        account = Account(url)
        account.set_up(events)
        print("  %s: 1 bucket, 2 users with a key each, 2 instances with 2 volumes each" % url)

        env = dict(os.environ, AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, SLACK_BOT_TOKEN="xoxb-demo",
                   SLACK_API_URL="http://127.0.0.1:%d/api" % slack.server_address[1])
        env.pop("AWS_SESSION_TOKEN", None)
        evidence = os.path.join(work, "evidence")

        def respond(name):
            path = os.path.join(work, name + ".json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(events[name], f)
            start = time.time()
            p = subprocess.run([PBRUN, "run", "-p", bundle, "-e", path, "--evidence", evidence], env=env, stdout=subprocess.PIPE, text=True, check=False)
            if p.returncode:
                failures.append("%s: pbrun ended with status %d" % (name, p.returncode))
            return p.stdout, time.time() - start

        for name in NAMES:
            title("%s  (%s)" % (events[name]["detail"].get("type") or events[name]["detail-type"], name))
            print_state("before", account.show(name))
            out, seconds = respond(name)
            print_state("after", account.show(name))
            print("  " + out.strip().replace("\n", "\n  "))
            print("%s  %.2f s from event to evidence%s" % (DIM, seconds, PLAIN))

        title("What Slack was told")
        for channel, text in Slack.messages:
            print("  %s  %s" % (channel, text.replace("\n", "\n      ")))

        title("Evidence")
        log = os.path.join(evidence, "evidence.jsonl")
        with open(log, encoding="utf-8") as f:
            documents = [json.loads(line) for line in f]
        for d in documents:
            print("  %s %-22s %-18s %s" % (d["incident_id"], d["playbook"]["name"], d["remediation_status"], d["affected_resource"]))
            for a in d["automated_actions"]:
                print("      %-26s %-13s %5d ms  %s" % (a["action"], a["status"], a["execution_time_ms"], a.get("detail") or ""))

        title("The same five events again")
        before, messages = account.everything(), len(Slack.messages)
        for name in NAMES:
            out, _ = respond(name)
            print("  " + out.strip().replace("\n", "\n  "))
        unchanged = account.everything() == before

        contained = sum(d["remediation_status"] == "remediated" for d in documents)
        reported = sum(d["remediation_status"] == "reported" for d in documents)
        if (contained, reported) != (4, 1):
            failures.append("%d contained and %d reported, expected 4 and 1" % (contained, reported))
        if not unchanged:
            failures.append("the account changed when the same events came again")
        if len(Slack.messages) - messages != 1:
            failures.append("%d messages the second time, expected 1 (a root login is reported each time)" % (len(Slack.messages) - messages))
        title("Result")
        print("  %d findings handled: %d contained, %d reported; running them again changed %s" % (
            len(documents), contained, reported, "nothing" if unchanged else "SOMETHING"))
    finally:
        if sim:
            sim.send_signal(signal.SIGTERM)
            sim.wait(10)
        shutil.rmtree(work, ignore_errors=True)
    for f in failures:
        print("%sFAILED: %s%s" % (RED, f, PLAIN))
    if not failures:
        print("%s  ok%s" % (GREEN, PLAIN))
    sys.exit(1 if failures else 0)


main()
