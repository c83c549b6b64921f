"""A simulated account for the tests beside this file, and boto3 clients for it."""
import contextlib
import json
import signal
import subprocess

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pbtest import PBRUN, run

KEY, SECRET = "AKIATESTTESTTESTTEST", "a-secret-for-tests-only-0123456789abcdef"
ACCOUNT = "123456789012"


class Account:
    def __init__(self, *options, log=None):
        command = [PBRUN, "sim", "--port", "0", "--access-key", KEY, "--secret-key", SECRET, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if "listening on" not in line:
            raise AssertionError("the simulated account did not start: %r" % line)
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def client(self, service, key=KEY, secret=SECRET, token=None, region="us-east-1", **config):
        config.setdefault("retries", {"total_max_attempts": 1})
        return boto3.client(service, endpoint_url=self.url, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
                            aws_session_token=token, config=Config(**config))

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("the simulated account ended with status %s" % self.process.returncode)


def show(state):
    p = run([PBRUN, "sim", "--state", state, "--show"])
    if p.returncode:
        raise AssertionError("--show: status %d: %s" % (p.returncode, p.stderr))
    return json.loads(p.stdout)


@contextlib.contextmanager
def refused(code, status=None, part=""):
    """The block must end in this error."""
    try:
        yield
    except ClientError as e:
        got = e.response["Error"]
        if got["Code"] != code:
            raise AssertionError("error %s (%s), want %s" % (got["Code"], got.get("Message"), code)) from None
        http = e.response["ResponseMetadata"]["HTTPStatusCode"]
        if status and http != status:
            raise AssertionError("%s came with HTTP %d, want %d" % (code, http, status)) from None
        if part not in got.get("Message", ""):
            raise AssertionError("%r is not in %r" % (part, got.get("Message"))) from None
        return
    raise AssertionError("no error, want %s" % code)
