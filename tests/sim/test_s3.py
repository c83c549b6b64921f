"""S3 and S3 Control of the simulated account, with boto3 for a client and bare HTTP for what it cannot say."""
# runs: sanitized
import http.client
import json
import re

from account import ACCOUNT, Account, refused
from pbtest import case, eq, has, main

account = Account()
s3 = account.client("s3")
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def block(on):
    return {k: on for k in BLOCK}


def public(bucket):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::%s/*" % bucket}]})


def bare(method, path, host=None, headers=None, body=None):
    c = http.client.HTTPConnection("127.0.0.1", account.port, timeout=10)
    c.request(method, path, body=body, headers={**({"Host": host} if host else {}), **(headers or {})})
    r = c.getresponse()
    out = (r.status, r.read().decode("utf-8", "replace"), r)
    c.close()
    return out


@case("buckets are made, found, listed, deleted when empty")
def _():
    eq(s3.create_bucket(Bucket="one-bucket")["Location"], "/one-bucket")
    s3.get_waiter("bucket_exists").wait(Bucket="one-bucket")
    s3.create_bucket(Bucket="one-bucket")
    s3.create_bucket(Bucket="another-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket="another-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    eq([b["Name"] for b in s3.list_buckets()["Buckets"]], ["another-bucket", "one-bucket"])
    eq(s3.get_bucket_location(Bucket="one-bucket").get("LocationConstraint"), None)
    eq(s3.get_bucket_location(Bucket="another-bucket")["LocationConstraint"], "eu-west-1")
    s3.put_object(Bucket="one-bucket", Key="k", Body=b"x")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket="one-bucket")
    s3.delete_object(Bucket="one-bucket", Key="k")
    s3.delete_bucket(Bucket="one-bucket")
    with refused("404", 404):
        s3.head_bucket(Bucket="one-bucket")
    with refused("NoSuchBucket", 404, "The specified bucket does not exist"):
        s3.get_bucket_tagging(Bucket="one-bucket")
    with refused("IllegalLocationConstraintException", 400):
        account.client("s3", region="eu-west-1").create_bucket(Bucket="third-bucket")
    eq(bare("GET", "/Under_Score")[0], 403)


@case("a new bucket blocks public access, has ACLs off and is encrypted")
def _():
    s3.create_bucket(Bucket="fresh")
    eq(s3.get_public_access_block(Bucket="fresh")["PublicAccessBlockConfiguration"], block(True))
    eq(s3.get_bucket_ownership_controls(Bucket="fresh")["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}])
    eq(s3.get_bucket_encryption(Bucket="fresh")["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})
    with refused("AccessDenied", 403):
        s3.put_bucket_policy(Bucket="fresh", Policy=public("fresh"))
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(Bucket="fresh", ACL="public-read")


@case("the public access block is put, read, deleted")
def _():
    s3.create_bucket(Bucket="blocked")
    s3.delete_public_access_block(Bucket="blocked")
    with refused("NoSuchPublicAccessBlockConfiguration", 404):
        s3.get_public_access_block(Bucket="blocked")
    s3.put_public_access_block(Bucket="blocked", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    eq(s3.get_public_access_block(Bucket="blocked")["PublicAccessBlockConfiguration"], {**block(False), "BlockPublicAcls": True})
    s3.put_public_access_block(Bucket="blocked", PublicAccessBlockConfiguration=block(True), ExpectedBucketOwner=ACCOUNT)
    with refused("AccessDenied", 403):
        s3.put_public_access_block(Bucket="blocked", PublicAccessBlockConfiguration=block(False), ExpectedBucketOwner="210987654321")
    eq(s3.get_public_access_block(Bucket="blocked")["PublicAccessBlockConfiguration"], block(True))


@case("tags, policy and its status")
def _():
    s3.create_bucket(Bucket="settings")
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket="settings")
    s3.put_bucket_tagging(Bucket="settings", Tagging={"TagSet": [{"Key": "a", "Value": "<&>"}, {"Key": "ä", "Value": ""}]})
    eq(s3.get_bucket_tagging(Bucket="settings")["TagSet"], [{"Key": "a", "Value": "<&>"}, {"Key": "ä", "Value": ""}])
    s3.put_bucket_tagging(Bucket="settings", Tagging={"TagSet": [{"Key": "b", "Value": "c"}]})
    eq(s3.get_bucket_tagging(Bucket="settings")["TagSet"], [{"Key": "b", "Value": "c"}])
    with refused("InvalidTag", 400):
        s3.put_bucket_tagging(Bucket="settings", Tagging={"TagSet": [{"Key": "b", "Value": "c"}] * 2})
    s3.delete_bucket_tagging(Bucket="settings")
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket="settings")
    with refused("MalformedPolicy", 400):
        s3.put_bucket_policy(Bucket="settings", Policy="not a policy")
    s3.delete_public_access_block(Bucket="settings")
    s3.put_bucket_policy(Bucket="settings", Policy=public("settings"))
    eq(s3.get_bucket_policy(Bucket="settings")["Policy"], public("settings"))
    eq(s3.get_bucket_policy_status(Bucket="settings")["PolicyStatus"]["IsPublic"], True)
    narrowed = json.loads(public("settings"))
    narrowed["Statement"][0]["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    s3.put_bucket_policy(Bucket="settings", Policy=json.dumps(narrowed))
    eq(s3.get_bucket_policy_status(Bucket="settings")["PolicyStatus"]["IsPublic"], False)
    s3.delete_bucket_policy(Bucket="settings")


@case("ACLs need ownership that allows them")
def _():
    s3.create_bucket(Bucket="acls", ObjectOwnership="ObjectWriter")
    with refused("AccessDenied", 403):
        s3.put_bucket_acl(Bucket="acls", ACL="public-read")
    s3.delete_public_access_block(Bucket="acls")
    s3.put_bucket_acl(Bucket="acls", ACL="public-read")
    grants = s3.get_bucket_acl(Bucket="acls")["Grants"]
    eq([(g["Grantee"]["Type"], g["Permission"]) for g in grants], [("CanonicalUser", "FULL_CONTROL"), ("Group", "READ")])
    eq(bare("GET", "/acls")[0], 200)
    s3.put_bucket_acl(Bucket="acls", ACL="private")
    eq(bare("GET", "/acls")[0], 403)


@case("strangers read a public bucket until its access is blocked, by the bucket or by the account")
def _():
    s3.create_bucket(Bucket="open")
    s3.put_object(Bucket="open", Key="a b/ü.txt", Body=b"for all", ContentType="text/plain")
    path = "/open/a%20b/%C3%BC.txt"
    eq(bare("GET", path)[0], 403)
    s3.delete_public_access_block(Bucket="open")
    s3.put_bucket_policy(Bucket="open", Policy=public("open"))
    status, body, r = bare("GET", path)
    eq((status, body, r.getheader("Content-Type")), (200, "for all", "text/plain"))
    eq(bare("GET", "/open")[0], 403)
    eq(bare("PUT", "/open/new", body=b"x")[0], 403)
    eq(bare("DELETE", path)[0], 403)
    s3.put_public_access_block(Bucket="open", PublicAccessBlockConfiguration=block(True))
    status, body, _ = bare("GET", path)
    eq(status, 403)
    has(body, "<Code>AccessDenied</Code>")
    s3.delete_public_access_block(Bucket="open")
    control = account.client("s3control", parameter_validation=True)
    # The account id would go in front of the host; no name server here knows that host.
    control.meta.events.register("before-sign.s3-control", lambda request, **_: setattr(request, "url", re.sub(r"//\d{12}\.", "//", request.url)))
    with refused("NoSuchPublicAccessBlockConfiguration", 404):
        control.get_public_access_block(AccountId=ACCOUNT)
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=block(True))
    eq(control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"], block(True))
    eq(bare("GET", path)[0], 403)
    with refused("AccessDenied", 403):
        control.get_public_access_block(AccountId="210987654321")
    control.delete_public_access_block(AccountId=ACCOUNT)
    eq(bare("GET", path)[0], 200)


@case("objects: bytes, metadata, entity tags")
def _():
    s3.create_bucket(Bucket="things")
    data = bytes(range(256)) * 1000
    put = s3.put_object(Bucket="things", Key="dir/bin", Body=data, ContentType="x/y", Metadata={"who": "me"})
    got = s3.get_object(Bucket="things", Key="dir/bin")
    eq(got["Body"].read(), data)
    eq((got["ETag"], got["ContentType"], got["Metadata"], got["ContentLength"]), (put["ETag"], "x/y", {"who": "me"}, len(data)))
    head = s3.head_object(Bucket="things", Key="dir/bin")
    eq((head["ContentLength"], head["ETag"]), (len(data), put["ETag"]))
    s3.put_object(Bucket="things", Key="empty")
    eq(s3.get_object(Bucket="things", Key="empty")["Body"].read(), b"")
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket="things", Key="none")
    with refused("404", 404):
        s3.head_object(Bucket="things", Key="none")
    s3.put_object_tagging(Bucket="things", Key="empty", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    eq(s3.get_object_tagging(Bucket="things", Key="empty")["TagSet"], [{"Key": "a", "Value": "b"}])
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        s3.put_object(Bucket="things", Key="sum", Body=b"abc", ChecksumAlgorithm=algorithm)
    eq(len(s3.delete_objects(Bucket="things", Delete={"Objects": [{"Key": "sum"}, {"Key": "none"}]})["Deleted"]), 2)


@case("lists: prefixes, delimiters, pages, odd keys")
def _():
    s3.create_bucket(Bucket="lists")
    keys = ["a/1", "a/2", "b", "c/x/1", "c/y", "d e+f%&ü", "z<&>"]
    for k in keys:
        s3.put_object(Bucket="lists", Key=k, Body=k.encode())
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="lists", PaginationConfig={"PageSize": 3}))
    eq([[o["Key"] for o in p["Contents"]] for p in pages], [keys[:3], keys[3:6], keys[6:]])
    one = s3.list_objects_v2(Bucket="lists", Delimiter="/")
    eq(([o["Key"] for o in one["Contents"]], [p["Prefix"] for p in one["CommonPrefixes"]], one["KeyCount"]), (["b", "d e+f%&ü", "z<&>"], ["a/", "c/"], 5))
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="lists", Delimiter="/", PaginationConfig={"PageSize": 1}))
    eq([(p.get("CommonPrefixes") or [{"Prefix": p["Contents"][0]["Key"]}])[0]["Prefix"] if p["KeyCount"] else None for p in pages], ["a/", "b", "c/", "d e+f%&ü", "z<&>"])
    eq([o["Key"] for o in s3.list_objects_v2(Bucket="lists", Prefix="c/", Delimiter="/")["Contents"]], ["c/y"])
    eq([o["Key"] for o in s3.list_objects_v2(Bucket="lists", StartAfter="c/x/1")["Contents"]], keys[4:])
    pages = list(s3.get_paginator("list_objects").paginate(Bucket="lists", PaginationConfig={"PageSize": 4}))
    eq([o["Key"] for p in pages for o in p["Contents"]], keys)


@case("a digest that is not the body's is refused, and one must be there where S3 needs it")
def _():
    s3.create_bucket(Bucket="digests")
    with refused("BadDigest", 400, "Content-MD5"):
        s3.put_object(Bucket="digests", Key="k", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    with refused("BadDigest", 400, "CRC32"):
        s3.put_object(Bucket="digests", Key="k", Body=b"x", ChecksumCRC32="AAAAAA==")
    bald = account.client("s3")
    bald.meta.events.register("before-sign.s3.PutBucketTagging", lambda request, **_: request.headers.__delitem__("Content-MD5"))
    with refused("InvalidRequest", 400, "Content-MD5"):
        bald.put_bucket_tagging(Bucket="digests", Tagging={"TagSet": []})


@case("the bucket may stand in the host")
def _():
    s3.create_bucket(Bucket="hosted")
    s3.delete_public_access_block(Bucket="hosted")
    s3.put_bucket_policy(Bucket="hosted", Policy=public("hosted"))
    s3.put_object(Bucket="hosted", Key="k/1", Body=b"by host")
    for host in ("hosted.localhost:%d" % account.port, "hosted.s3.amazonaws.com", "hosted.s3.eu-west-1.amazonaws.com"):
        eq(bare("GET", "/k/1", host)[:2], (200, "by host"))
    eq(bare("GET", "/hosted/k/1", "s3.localhost")[:2], (200, "by host"))
    eq(bare("GET", "/nothing", "hosted.localhost")[0], 404)


@case("a signed URL works for anyone, for its time and its key only")
def _():
    s3.create_bucket(Bucket="signed")
    s3.put_object(Bucket="signed", Key="k", Body=b"once")
    url = account.client("s3", signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": "signed", "Key": "k"}, ExpiresIn=60)
    path = url[url.index("/signed"):]
    eq(bare("GET", path)[:2], (200, "once"))
    status, body, _ = bare("GET", path.replace("/signed/k", "/signed/j"))
    eq(status, 403)
    has(body, "SignatureDoesNotMatch")


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
