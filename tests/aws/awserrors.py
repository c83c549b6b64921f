"""Errors in each envelope that a protocol has, read by the codec and by botocore."""
import base64
import json
from xml.sax.saxutils import escape

import botocore.parsers
from botocore.compat import HTTPHeaders

from codecdiff import compare

MESSAGES = ["no such <thing> & \"that\"", "", "ключ 日本", "a\nb"]


def envelopes(protocol, service, code, message, rng):
    """[(headers, body)]"""
    head = {"x-amzn-requestid": "req-3"}
    x = escape(message)
    if protocol == "ec2":
        return [({}, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>req-3</RequestID></Response>" % (code, x))]
    if protocol == "query":
        ns = rng.choice(["", ' xmlns="urn:x"'])
        return [(head, "<ErrorResponse%s><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>req-3</RequestId></ErrorResponse>" % (ns, code, x))]
    if protocol == "rest-xml":
        query = "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>req-3</RequestId></ErrorResponse>" % (code, x)
        plain = "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>req-3</RequestId><HostId>h</HostId></Error>" % (code, x)
        return [({}, query), ({"x-amz-request-id": "req-3"}, plain)]
    member = rng.choice(["message", "Message"])
    extra = {"unknown": [1, {"a": None}]}
    plain = [(head, json.dumps({"__type": t, member: message, **extra})) for t in (code, "com.amazonaws.x#" + code)]
    if protocol == "json":
        legacy = dict(head, **{"x-amzn-query-error": "AWS.SimpleQueueService.Old;Sender"})
        return plain + [(legacy, plain[0][1])]
    return [(dict(head, **{"x-amzn-errortype": code}), json.dumps({member: message})),
            (dict(head, **{"x-amzn-errortype": code + ":http://internal.amazon.com/"}), json.dumps({member: message})),
            (head, json.dumps({"code": code, member: message})), (head, json.dumps({"Code": code, member: message}))] + plain[:1]


def theirs(protocol, op, status, headers, body):
    h = HTTPHeaders()
    for k, v in headers.items():
        h[k] = v
    parsed = botocore.parsers.create_parser(protocol).parse({"status_code": status, "headers": h, "body": body.encode()}, op.output_shape)
    error = parsed["Error"]
    return [error.get("Code", ""), error.get("Message") or "", parsed["ResponseMetadata"].get("RequestId", parsed.get("RequestID", ""))]


def compare_errors(driver, service, model, op, rng):
    """One list of differences for each error tried."""
    protocol = model.metadata["protocol"]
    shapes = rng.sample(op.error_shapes, min(2, len(op.error_shapes)))
    codes = [(s.metadata.get("error", {}).get("code", s.name), s.metadata.get("error", {}).get("httpStatusCode", 400)) for s in shapes]
    for code, status in codes + [(rng.choice(["NobodyKnows", "Some.Odd-Code", "ThrottlingException"]), rng.choice([400, 403, 429, 500, 503]))]:
        headers, body = rng.choice(envelopes(protocol, service, code, rng.choice(MESSAGES), rng))
        want = theirs(protocol, op, status, headers, body)
        got = driver.ask(do="read_answer", service=service, op=op.name, status=status, headers=list(headers.items()), body=base64.b64encode(body.encode()).decode())
        if got["ok"]:
            yield [("error", "%s was taken for an answer" % code)]
        else:
            yield compare("error", [got["code"], got["message"], got["request_id"]], want)
