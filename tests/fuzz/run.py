#!/usr/bin/python3
"""Runs the fuzz drivers of tests/fuzz (libFuzzer, clang): make fuzz, or tests/fuzz/run.py [--seconds N] [DRIVER ...].

Seeds are made from what the other tests use. Inputs that once broke a driver live in tests/fuzz/found/DRIVER/ and are
replayed first. What a run finds is left in build/fuzz/crashes/; when it is mended, move it to tests/fuzz/found/.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/fuzz")
# the most bytes an input may have
SETTINGS = {"source": 4096, "layout": 4096, "lsp": 4096, "image": 48 << 10, "event": 8192, "answer": 4096, "request": 4096, "frozen": 2048,
            "door": 4096}
DRIVERS = list(SETTINGS)
SIGNS = ["\"\"\"", "${", "?.", "??", "->", "==", "!=", "<=", ">=", "5TB", "10GiB", "500ms", "30s", "7d", "# pbc: allow PB0614 \\\"r\\\"", "\\x0a", "\\x0d\\x0a"]
MEMBERS = {  # what JSON texts of each driver are made of
    "lsp": ["jsonrpc", "2.0", "id", "method", "params", "textDocument", "uri", "version", "text", "position", "line", "character", "range",
            "contentChanges", "initialize", "shutdown", "exit", "rootUri", "textDocument/didOpen", "textDocument/didChange", "textDocument/didClose",
            "textDocument/hover", "textDocument/completion", "Content-Length: "],
    "door": ["payload=", "block_actions", "actions", "action_id", "type", "button", "user", "Type", "Notification", "MessageId", "TopicArn", "Message",
             "Timestamp", "SignatureVersion", "Signature", "SigningCertURL", "SubscribeURL", "Token", "t=", "v1=", "Origin: ", "Bearer ",
             "verdict=grant", "csrf=", "detail-type", "source", "detail"],
    "event": ["source", "detail-type", "detail", "account", "region", "resources", "findings"],
}

ANSWERS = [
    "ec2 DescribeInstances 200\ncontent-type: text/xml\n\n<DescribeInstancesResponse><requestId>r</requestId><reservationSet><item><ownerId>1</ownerId><instancesSet><item>"
    "<instanceId>i-1</instanceId><launchTime>2024-01-01T00:00:00.000Z</launchTime><tagSet><item><key>a</key><value>b</value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>",
    "ec2 DescribeInstances 400\n\n<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>",
    "iam GetUser 200\n\n<GetUserResponse><GetUserResult><User><UserName>a</UserName><Path>/</Path><CreateDate>2024-01-01T00:00:00Z</CreateDate></User></GetUserResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetUserResponse>",
    "iam GetUser 404\n\n<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>",
    "s3 GetBucketTagging 200\nx-amz-request-id: r\n\n<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "s3 HeadObject 200\nlast-modified: Mon, 01 Jan 2024 00:00:00 GMT\ncontent-length: 5\nx-amz-meta-a: b\n\n",
    "s3 ListObjectsV2 404\n\n<Error><Code>NoSuchBucket</Code><Message>m</Message><RequestId>r</RequestId></Error>",
    "ssm GetParameter 200\nx-amzn-requestid: r\n\n{\"Parameter\":{\"Name\":\"a\",\"Value\":\"b\",\"Version\":3,\"LastModifiedDate\":1.5e9}}",
    "ssm GetParameter 400\n\n{\"__type\":\"com.amazonaws.ssm#ParameterNotFound\",\"message\":\"m\"}",
    "guardduty GetFindings 200\n\n{\"findings\":[{\"id\":\"a\",\"severity\":8.0,\"resource\":{\"instanceDetails\":{\"instanceId\":\"i-1\"}}}]}",
    "guardduty GetFindings 403\nx-amzn-errortype: AccessDeniedException:x\n\n{\"message\":\"m\"}",
]
SIGNATURE = ("Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
             "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\n"
             "Host: example.amazonaws.com\nX-Amz-Date: 20150830T123600Z\n")
REQUESTS = [
    "GET / service\n" + SIGNATURE + "\n",
    "POST / ec2\n" + SIGNATURE + "Content-Type: application/x-www-form-urlencoded\n\nAction=DescribeInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0&Filter.1.Name=a&Filter.1.Value.1=b",
    "POST / iam\n" + SIGNATURE + "Content-Type: application/x-www-form-urlencoded\n\nAction=PutUserPolicy&Version=2010-05-08&UserName=a&PolicyName=b&PolicyDocument=%7B%7D",
    "POST / ssm\n" + SIGNATURE + "Content-Type: application/x-amz-json-1.1\nX-Amz-Target: AmazonSSM.GetParameter\n\n{\"Name\":\"a\",\"WithDecryption\":true}",
    "PUT /bucket?publicAccessBlock s3\n" + SIGNATURE + "x-amz-expected-bucket-owner: 123456789012\n\n<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
    "GET /bucket/a%2Fb?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00 s3\nHost: x\n\n",
    "POST /detector/d/findings/get guardduty\n" + SIGNATURE + "\n{\"findingIds\":[\"a\"]}",
]


MESSAGES = [
    "RContent-Length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}",
    "J" + "\n".join([
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":"file:///tmp","capabilities":{}}}',
        '{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///t.pb","version":1,"text":"playbook p { when test.finding as f }"}}}',
        '{"jsonrpc":"2.0","id":2,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///t.pb"},"position":{"line":0,"character":3}}}',
        '{"jsonrpc":"2.0","id":3,"method":"shutdown"}', '{"jsonrpc":"2.0","method":"exit"}']),
]
# Values (the first byte of what follows V is the version), rows of a journal, and changes of rows that are right.
FROZEN = [b"V\x01" + bytes([tag]) + rest for tag in range(16) for rest in (b"", b"\x00", b"\x01a\x01b", b"\x02\x01\x02\x80\x01", b"\xff" * 10)]
FROZEN += [b"X2 1 t.put 3\nabc", b"X5 - - 0\n", b"M" + bytes([1, 0, 7, 2]), b"M" + bytes([2, 3, 255, 0, 3, 1, 9, 1])]
DOOR = [
    'Es\nContent-Type: application/json\n\n{"version":"0","id":"1","source":"test","detail-type":"T","detail":{}}',
    'Et\n\n[{"id":"1","source":"a","detail-type":"b","detail":{}}]\n{"id":"2","source":"a","detail-type":"b","detail":{}}',
    "E\nX-PB-Signature: t=1764000000,v1=" + "0" * 64 + "\n\n{}",
    'S\n\n{"Type":"Notification","TopicArn":"arn:aws:sns:eu-west-1:111122223333:alerts","Message":"{}","MessageId":"1"}',
    "N\n\nType: Notification\nMessage: {\"id\":\"1\",\"source\":\"a\",\"detail-type\":\"b\",\"detail\":{}}\nMessageId: 1\n",
    "Ag\n\nabc.def",
    'A=g\n\n{"a":"x","p":"alice","b":"00","e":1764000001000}',
    "Al\nOrigin: https://pb.example.com\nContent-Type: application/x-www-form-urlencoded\n\nverdict=grant",
    "Kb\n\npayload=%7B%22type%22:%22block_actions%22,%22user%22:%7B%22id%22:%22U0ALICE%22%7D,%22actions%22:[%7B%22type%22:%22button%22,%22action_id%22:%22grant:a:b%22%7D]%7D",
    "K\nX-Slack-Signature: v0=00\nX-Slack-Request-Timestamp: 1764000000\n\npayload=%7B%7D",
]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def built_image():
    out = os.path.join(BUILD, "seed.pbx")
    pbc = os.path.join(ROOT, "build/pbc")
    good = sorted(glob.glob("tests/lang/good/*.pb", root_dir=ROOT)) + sorted(
        p for p in glob.glob("playbooks/*.pb", root_dir=ROOT) if not p.endswith("_test.pb"))
    images = []
    for path in good:
        if subprocess.run([pbc, "build", "-o", out, path], cwd=ROOT, capture_output=True, check=False).returncode == 0:
            images.append(read(out))
    return images


def seeds(driver):
    """The inputs to begin with."""
    if driver == "source":
        texts = [read(p) for p in sorted(glob.glob(ROOT + "/tests/lang/*/*.pb") + glob.glob(ROOT + "/stdlib/*.pb"))]
        library = [b"L" + read(p) for p in sorted(glob.glob(ROOT + "/playbooks/*.pb"))]
        return [b" " + t for t in texts] + library
    if driver in ("layout", "lsp"):
        folders = ("tests/lang/good", "tests/lang/bad", "tests/lang/format", "stdlib", "stdlib/testing", "playbooks")
        texts = [read(p) for f in folders for p in sorted(glob.glob(os.path.join(ROOT, f, "*.pb")))]
        if driver == "layout":
            whole = [read(p) for p in sorted(glob.glob(ROOT + "/playbooks/*.pb")) + sorted(glob.glob(ROOT + "/tests/lang/good/*.pb"))[::3]]
            return [b" " + t for t in texts] + [b"L" + t for t in whole]
        return [bytes([i % 12, i % 40, i % 20]) + t for i, t in enumerate(texts[::4])] + [m.encode() for m in MESSAGES]
    if driver == "frozen":
        return FROZEN
    if driver == "door":
        return [d.encode() for d in DOOR]
    if driver == "image":
        return [i for i in built_image() if len(i) <= SETTINGS["image"]]
    if driver == "event":
        return [read(p) for p in sorted(glob.glob(ROOT + "/playbooks/*.json"))] + [b'{"a":1}\n{"a":[1.5e3,null,"\\u00e9\\ud83d\\ude00"]}\n']
    return [t.encode() for t in (ANSWERS if driver == "answer" else REQUESTS)]


def dictionary(driver):
    """A file with the driver's words, or None."""
    words = list(MEMBERS.get(driver, []))
    if driver in ("source", "layout", "lsp"):
        words += re.findall(r'^WORD\("(\w+)"', read(os.path.join(ROOT, "lang/words.def")).decode(), re.M)
    signs = SIGNS if driver in ("source", "layout") else []
    if not words:
        return None
    path = os.path.join(BUILD, driver + ".dict")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines('"%s"\n' % w for w in words + [x.replace('"', '\\"') if not x.startswith("#") else x for x in signs])
    return path


def prepare(driver, corpus="corpus"):
    """A folder with the seeds. What a long run has learnt stays in "corpus" for the next."""
    folder = os.path.join(BUILD, corpus, driver)
    if corpus != "corpus":
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    for i, data in enumerate(seeds(driver)):
        with open(os.path.join(folder, "seed%03d" % i), "wb") as f:
            f.write(data)
    return folder


def found(driver):
    return sorted(glob.glob(os.path.join(ROOT, "tests/fuzz/found", driver, "*")))


def fuzz(driver, seconds, corpus="corpus"):
    """Runs one driver. (true when nothing was found, the end of what it said)"""
    program = os.path.join(BUILD, "drivers", driver)
    crashes = os.path.join(BUILD, "crashes", driver) + "/"
    os.makedirs(crashes, exist_ok=True)
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    said = ""
    steps = [[program] + found(driver)] if found(driver) else []
    words = ["-dict=" + dictionary(driver)] if dictionary(driver) else []
    steps.append([program] + words + ["-max_total_time=%d" % seconds, "-max_len=%d" % SETTINGS[driver], "-len_control=0", "-timeout=60", "-rss_limit_mb=2048",
                  "-print_final_stats=1", "-artifact_prefix=" + crashes, prepare(driver, corpus)])
    for command in steps:
        p = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, errors="replace", check=False)
        said = p.stderr
        if p.returncode != 0:
            return False, said
    return True, said


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("drivers", nargs="*", default=[])
    o = p.parse_args()
    status = 0
    for driver in o.drivers or DRIVERS:
        ok, said = fuzz(driver, o.seconds)
        stats = [l.split(":")[-1].strip() for l in said.splitlines() if l.startswith("stat::number_of_executed_units")]
        print("%-8s %s %s" % (driver, "nothing found in" if ok else "BROKEN after", stats[0] + " inputs" if stats else "?"), flush=True)
        if not ok:
            print(said[-6000:])
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
