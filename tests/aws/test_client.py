"""Where requests go and what they are signed for, against botocore's own judgement for the same service and region; and whole
requests beside botocore's for the same call: every header that both sign has the same value."""
import datetime
import json
import re
import socket
import threading

import boto3
import botocore.awsrequest
import botocore.parsers
import botocore.session
from botocore.config import Config

from awsdrive import KEY, SECRET, TOKEN, Client
from pbtest import case, eq, main

SERVICES = ["ec2", "iam", "sts", "s3", "ssm", "sns", "sqs", "guardduty", "securityhub", "kms", "lambda", "organizations", "cloudtrail",
            "events", "logs", "dynamodb", "secretsmanager", "rds", "wafv2", "config", "ecr", "elbv2", "resourcegroupstaggingapi",
            "accessanalyzer", "detective", "sesv2", "cloudwatch", "route53", "cloudfront"]
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-3", "cn-north-1", "us-gov-west-1"]
# STS and S3 default to regional hosts in ours, as AWS advises; botocore of Debian 12 keeps the old ways unless told.
REGIONAL = Config(s3={"us_east_1_regional_endpoint": "regional"})


def botocore_says(session, service, region):
    c = session.create_client(service, region_name=region, aws_access_key_id="x", aws_secret_access_key="y", config=REGIONAL)
    return {"url": c.meta.endpoint_url + "/", "signing_region": c._request_signer._region_name, "signing_name": c._request_signer.signing_name}


@case("%d services in %d regions have botocore's endpoint, signing region and signing name" % (len(SERVICES), len(REGIONS)))
def _():
    session = botocore.session.get_session()
    session.set_config_variable("sts_regional_endpoints", "regional")
    available = {s: {r for p in session.get_available_partitions() for r in session.get_available_regions(s, p)} for s in SERVICES}
    ours = Client()
    differences = []
    for service in SERVICES:
        for region in REGIONS:
            if available[service] and region not in available[service]:
                continue
            want, got = botocore_says(session, service, region), ours.address(service, region)
            if got is None and region.startswith(("cn-", "us-gov-")):
                continue  # global services that the partition does not have
            if got != want:
                differences.append("%s in %s: %s, botocore: %s" % (service, region, got, want))
    ours.close()
    eq(differences, [])


@case("buckets and accounts stand in the host or path where botocore puts them")
def _():
    ours = Client()
    for region in ("us-east-1", "eu-west-1"):
        s3 = boto3.client("s3", region_name=region, aws_access_key_id="x", aws_secret_access_key="y", config=REGIONAL)
        for bucket in ("plain-bucket", "dotted.bucket", "a-1", "x" * 63):
            seen = []

            def capture(request, seen=seen, **_):
                seen.append(request.url)
                return botocore.awsrequest.AWSResponse(request.url, 200, {}, Raw())
            s3.meta.events.register("before-send.s3", capture)
            s3.head_object(Bucket=bucket, Key="k/e y")
            s3.meta.events.unregister("before-send.s3", capture)
            eq(ours.address("s3", region, bucket=bucket, path="/%s/k/e%%20y" % bucket)["url"], seen[0])
    eq(ours.address("s3control", "eu-west-1", prefix="123456789012.")["url"], "https://123456789012.s3-control.eu-west-1.amazonaws.com/")
    ours.close()


class Raw:
    """An empty body, as urllib3 would give it."""

    def stream(self, **_):
        return iter(())


class Catcher:
    """Takes one request after the other, answers 400 to all, keeps them."""

    def __init__(self):
        self.seen = []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            with s:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += s.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                m = re.search(rb"(?i)content-length: *(\d+)", head)
                while m and len(body) < int(m.group(1)):
                    body += s.recv(65536)
                self.seen.append((head.decode(), body))
                s.sendall(b"HTTP/1.1 400 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    def take(self):
        head, body = self.seen.pop(0)
        lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:])}
        return lines[0], headers, body


CALLS = [("ec2", "DescribeInstances", "describe_instances", {"InstanceIds": ["i-0123456789abcdef0"]}),
         ("iam", "ListAccessKeys", "list_access_keys", {"UserName": "mal.lory+x@y"}),
         ("ssm", "GetParameter", "get_parameter", {"Name": "/a/b", "WithDecryption": False}),
         ("guardduty", "GetFindings", "get_findings", {"DetectorId": "d" * 32, "FindingIds": ["f-1"]}),
         ("lambda", "GetFunction", "get_function", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f"}),
         ("s3", "GetObjectTagging", "get_object_tagging", {"Bucket": "bucket-1", "Key": "a b/c+d:e", "VersionId": "v=1"}),
         ("s3", "PutPublicAccessBlock", "put_public_access_block",
          {"Bucket": "bucket-1", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": True}})]


def same_second():
    """Both clients sign the time: compared only when it was the same second."""
    return datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")


@case("whole requests are those of botocore: line, body, signed headers, signature")
def _():
    for service, name, method, kw in CALLS:
        catcher = Catcher()
        # us-east-1, because botocore signs a global service for the region it was given when it has an endpoint of its own.
        theirs = boto3.client(service, region_name="us-east-1", endpoint_url=catcher.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                              aws_session_token=TOKEN, config=Config(retries={"max_attempts": 0}, inject_host_prefix=False))
        ours = Client(catcher.url, AWS_REGION="us-east-1")
        for _ in range(5):
            start = same_second()
            ours.call("%s.%s" % (service, name), **kw)
            try:
                getattr(theirs, method)(**kw)
            except (theirs.exceptions.ClientError, botocore.parsers.ResponseParserError):
                pass
            line1, h1, body1 = catcher.take()
            line2, h2, body2 = catcher.take()
            if h1["x-amz-date"] == h2["x-amz-date"] == start:
                break
        eq(line1, line2, name)
        if body1[:1] == b"{":  # botocore writes JSON with spaces
            eq(json.loads(body1), json.loads(body2), name)
        else:
            eq(body1, body2, name)
        signed1 = re.search("SignedHeaders=([^,]*)", h1["authorization"]).group(1).split(";")
        signed2 = re.search("SignedHeaders=([^,]*)", h2["authorization"]).group(1).split(";")
        for h in set(signed1) & set(signed2):
            eq(h1[h], h2[h], "%s: %s" % (name, h))
        if signed1 == signed2 and body1 == body2:
            eq(h1["authorization"], h2["authorization"], name)
        eq(set(signed1) ^ set(signed2) <= {"content-md5", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "content-type", "accept"}, True,
           "%s: %s and %s" % (name, signed1, signed2))
        ours.close()
        catcher.sock.close()


main()
