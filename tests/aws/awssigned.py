"""Whole requests as the codec wrote them, signed by our signer and by botocore's; and the hosts they go to."""
import base64
import datetime

import awsendpoints
import botocore.auth
import botocore.awsrequest
import botocore.credentials

from codecdiff import compare

NOW = 1700000000


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls.utcfromtimestamp(NOW)


class Frozen:
    datetime = Clock


botocore.auth.datetime = Frozen


def compare_signed(driver, signer, service, model, op, wrote, rng):
    where = driver.ask(do="endpoint", service=service, region=rng.choice(("us-east-1", "eu-west-1")))
    name = model.metadata.get("signingName", model.metadata["endpointPrefix"])
    creds = botocore.credentials.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", rng.choice([None, "FwoGZX+token/with=odd"]))
    host, body = wrote["host_prefix"] + where["host"], base64.b64decode(wrote["body"])
    url = "https://%s%s%s" % (host, wrote["path"], "?" + wrote["query"] if wrote["query"] else "")
    headers = dict(wrote["headers"])
    request = botocore.awsrequest.AWSRequest(method=wrote["method"], url=url, headers=headers, data=body)
    kind = botocore.auth.S3SigV4Auth if name == "s3" else botocore.auth.SigV4Auth
    kind(creds, name, where["region"]).add_auth(request)
    got = signer.ask(op="sign", method=wrote["method"], path=wrote["path"], query=wrote["query"], host=host, headers=wrote["headers"], body=body.hex(), region=where["region"],
                     service=name, time=NOW, access_key=creds.access_key, secret_key=creds.secret_key, session_token=creds.token or "")
    return compare("signature", [got.get("Authorization"), got.get("X-Amz-Security-Token"), got.get("X-Amz-Content-SHA256")],
                   [request.headers["Authorization"], creds.token, request.headers.get("X-Amz-Content-SHA256")])


def compare_hosts(driver, name):
    """Every region and variant."""
    where = [(r, v) for r in awsendpoints.regions() for v in awsendpoints.VARIANTS]
    return awsendpoints.compare(driver.ask, name, where)
