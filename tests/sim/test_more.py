"""Lambda, Organizations, CloudTrail, EventBridge, Logs, Secrets Manager, KMS, Auto Scaling and RDS of the simulated account, and S3's
parts, ranges and copies, with boto3 for a client."""
# runs: sanitized
import hashlib
import json

from account import ACCOUNT, Account, refused, show
from pbtest import case, eq, has, main, tempdir

STATE = tempdir() + "/state.db"
account = Account("--state", STATE)
lam, org, trail, events, logs, secrets, kms, asg, rds, s3, ec2 = (
    account.client(s) for s in ("lambda", "organizations", "cloudtrail", "events", "logs", "secretsmanager", "kms", "autoscaling", "rds", "s3", "ec2"))


def pages(client, op, member, size=None, **kw):
    return [p.get(member, []) for p in client.get_paginator(op).paginate(PaginationConfig={"PageSize": size} if size else {}, **kw)]


@case("functions: made, frozen and let go, opened to the public and closed")
def _():
    role = "arn:aws:iam::%s:role/r" % ACCOUNT
    for n in range(5):
        lam.create_function(FunctionName="f%d" % n, Role=role, Runtime="python3.9", Handler="a.b", Code={"ZipFile": b"zip"}, Tags={"a": "b"})
    with refused("ResourceConflictException", 409):
        lam.create_function(FunctionName="f1", Role=role, Code={"ZipFile": b"zip"})
    eq([[f["FunctionName"] for f in p] for p in pages(lam, "list_functions", "Functions", 2)], [["f0", "f1"], ["f2", "f3"], ["f4"]])
    with refused("ResourceNotFoundException", 404, "function:none"):
        lam.get_function(FunctionName="none")
    arn = lam.get_function(FunctionName="f1")["Configuration"]["FunctionArn"]
    eq(arn, "arn:aws:lambda:us-east-1:%s:function:f1" % ACCOUNT)
    eq(lam.get_function_concurrency(FunctionName=arn).get("ReservedConcurrentExecutions"), None)
    eq(lam.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
    eq(lam.get_function(FunctionName="f1")["Concurrency"], {"ReservedConcurrentExecutions": 0})
    with refused("InvalidParameterValueException", 400, "UnreservedConcurrentExecution"):
        lam.put_function_concurrency(FunctionName="f2", ReservedConcurrentExecutions=901)
    lam.delete_function_concurrency(FunctionName="f1")
    eq(lam.get_function_concurrency(FunctionName="f1").get("ReservedConcurrentExecutions"), None)
    with refused("ResourceNotFoundException", 404):
        lam.get_policy(FunctionName="f1")
    lam.add_permission(FunctionName="f1", StatementId="open", Action="lambda:InvokeFunction", Principal="*")
    lam.add_permission(FunctionName="f1", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceAccount=ACCOUNT)
    with refused("ResourceConflictException", 409, "open"):
        lam.add_permission(FunctionName="f1", StatementId="open", Action="lambda:InvokeFunction", Principal="*")
    got = lam.get_policy(FunctionName="f1")
    statements = json.loads(got["Policy"])["Statement"]
    eq([(s["Sid"], s["Principal"], s.get("Condition")) for s in statements], [("open", "*", None), ("s3", {"Service": "s3.amazonaws.com"}, {"StringEquals": {"AWS:SourceAccount": ACCOUNT}})])
    with refused("PreconditionFailedException", 412):
        lam.remove_permission(FunctionName="f1", StatementId="open", RevisionId="old")
    lam.remove_permission(FunctionName="f1", StatementId="open", RevisionId=got["RevisionId"])
    eq([s["Sid"] for s in json.loads(lam.get_policy(FunctionName="f1")["Policy"])["Statement"]], ["s3"])
    with refused("ResourceNotFoundException", 404):
        lam.remove_permission(FunctionName="f1", StatementId="open")
    lam.delete_function(FunctionName="f0")
    eq(len(lam.list_functions()["Functions"]), 4)


@case("accounts of the organization come with empty pages between, which a paginator survives")
def _():
    for n in range(5):
        eq(org.create_account(AccountName="m%d" % n, Email="m%d@example.com" % n)["CreateAccountStatus"]["State"], "SUCCEEDED")
    got = pages(org, "list_accounts", "Accounts", 2)
    eq([a["Name"] for p in got for a in p], ["management"] + ["m%d" % n for n in range(5)])
    eq([len(p) for p in got], [2, 0, 2, 0, 2])
    one = got[0][1]
    eq(org.describe_account(AccountId=one["Id"])["Account"]["Email"], "m0@example.com")
    eq(org.describe_organization()["Organization"]["MasterAccountId"], ACCOUNT)
    with refused("AccountNotFoundException", 400):
        org.describe_account(AccountId="999999999999")
    with refused("ConstraintViolationException", 400):
        org.create_account(AccountName="again", Email="m0@example.com")
    with refused("InvalidInputException", 400):
        org.list_accounts(NextToken="made-up")
    with refused("InvalidInputException", 400):  # a real token, of another list
        org.list_accounts(NextToken=lam.list_functions(MaxItems=1)["NextMarker"])


@case("trails log or do not, and the history has what was changed and by whom")
def _():
    s3.create_bucket(Bucket="trail-bucket")
    with refused("S3BucketDoesNotExistException", 400):
        trail.create_trail(Name="t", S3BucketName="no-such-bucket")
    arn = trail.create_trail(Name="t", S3BucketName="trail-bucket", IsMultiRegionTrail=True)["TrailARN"]
    eq(trail.get_trail_status(Name=arn)["IsLogging"], False)
    trail.start_logging(Name="t")
    eq(trail.get_trail_status(Name="t")["IsLogging"], True)
    trail.stop_logging(Name=arn)
    eq((trail.get_trail_status(Name="t")["IsLogging"], "StopLoggingTime" in trail.get_trail_status(Name="t")), (False, True))
    eq([t["Name"] for t in trail.describe_trails(trailNameList=[arn])["trailList"]], ["t"])
    with refused("TrailNotFoundException", 400):
        trail.stop_logging(Name="none")
    trail.put_event_selectors(TrailName="t", EventSelectors=[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": []}])
    eq(trail.get_event_selectors(TrailName="t")["EventSelectors"][0]["ReadWriteType"], "WriteOnly")

    def find(key, value, **kw):
        return [e for p in pages(trail, "lookup_events", "Events", 2, LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], **kw) for e in p]
    stops = find("EventName", "StopLogging")
    eq(len(stops), 2)
    newest = json.loads(stops[0]["CloudTrailEvent"])
    eq((newest["errorCode"], newest["requestParameters"], newest["eventSource"], newest["userIdentity"]["type"]), ("TrailNotFoundException", {"name": "none"}, "cloudtrail.amazonaws.com", "Root"))
    eq((stops[0]["Username"], stops[0]["EventSource"], find("EventId", stops[1]["EventId"])), ("root", "cloudtrail.amazonaws.com", stops[1:]))
    eq(find("EventName", "ListFunctions"), [])
    secrets.create_secret(Name="quiet", SecretString="not-in-any-trail")
    eq("not-in-any-trail" in find("EventName", "CreateSecret")[0]["CloudTrailEvent"], False)
    with refused("InvalidTimeRangeException"):
        trail.lookup_events(StartTime=2000000000, EndTime=1000000000)
    eq(trail.lookup_events(StartTime=4000000000)["Events"], [])
    with refused("InvalidNextTokenException"):
        trail.lookup_events(NextToken="x")


@case("events: taken, or counted as failed in an answer that is no error")
def _():
    good = {"Source": "me", "DetailType": "t", "Detail": '{"a": 1}'}
    got = events.put_events(Entries=[good, {**good, "Detail": "no json"}, {"Source": "me", "Detail": "{}"}])
    eq((got["FailedEntryCount"], [e.get("ErrorCode") for e in got["Entries"]]), (2, [None, "MalformedDetail", "InvalidArgument"]))
    kept = [r["value"] for r in show(STATE)["resources"] if r["kind"] == "events.event"]
    eq([(e["Source"], e["Detail"], e["EventId"]) for e in kept], [("me", '{"a": 1}', got["Entries"][0]["EventId"])])
    eq(events.put_rule(Name="r", EventPattern='{"source": ["me"]}')["RuleArn"], "arn:aws:events:us-east-1:%s:rule/r" % ACCOUNT)
    events.disable_rule(Name="r")
    eq((events.describe_rule(Name="r")["State"], [r["Name"] for r in events.list_rules()["Rules"]]), ("DISABLED", ["r"]))
    events.enable_rule(Name="r")
    events.delete_rule(Name="r")
    with refused("ResourceNotFoundException", 400):
        events.describe_rule(Name="r")
    with refused("InvalidEventPatternException", 400):
        events.put_rule(Name="r", EventPattern="[")


@case("log lines are read forwards and backwards to their ends")
def _():
    logs.create_log_group(logGroupName="/g")
    with refused("ResourceAlreadyExistsException", 400):
        logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": 1000 + n, "message": "line %d" % n} for n in range(7)])
    read, token = [], None
    for _ in range(10):
        got = logs.get_log_events(logGroupName="/g", logStreamName="s", limit=3, startFromHead=True, **({"nextToken": token} if token else {}))
        read += [e["message"] for e in got["events"]]
        if got["nextForwardToken"] == token:
            break
        token = got["nextForwardToken"]
    eq(read, ["line %d" % n for n in range(7)])
    last = logs.get_log_events(logGroupName="/g", logStreamName="s", limit=2)
    eq([e["message"] for e in last["events"]], ["line 5", "line 6"])
    eq([e["message"] for e in logs.get_log_events(logGroupName="/g", logStreamName="s", limit=2, nextToken=last["nextBackwardToken"])["events"]], ["line 3", "line 4"])
    eq([e["message"] for p in pages(logs, "filter_log_events", "events", 1, logGroupName="/g", filterPattern='"line 4"') for e in p], ["line 4"])
    with refused("InvalidParameterException", 400, "chronological"):
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}])
    with refused("ResourceNotFoundException", 400, "stream"):
        logs.get_log_events(logGroupName="/g", logStreamName="none")
    with refused("InvalidParameterException", 400):
        logs.get_log_events(logGroupName="/g", logStreamName="s", nextToken="f/x")
    logs.put_retention_policy(logGroupName="/g", retentionInDays=7)
    eq(logs.describe_log_groups(logGroupNamePrefix="/")["logGroups"][0]["retentionInDays"], 7)
    eq(logs.describe_log_streams(logGroupName="/g")["logStreams"][0]["lastEventTimestamp"], 1006)
    logs.delete_log_group(logGroupName="/g")
    eq(logs.describe_log_groups()["logGroups"], [])


@case("secrets have versions and are masked when the state is shown; keys are switched off, and back from deletion")
def _():
    arn = secrets.create_secret(Name="s", SecretString="one-secret")["ARN"]
    v2 = secrets.put_secret_value(SecretId=arn, SecretString="two-secret")["VersionId"]
    eq((secrets.get_secret_value(SecretId="s")["SecretString"], secrets.get_secret_value(SecretId="s")["VersionId"]), ("two-secret", v2))
    eq(secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"], "one-secret")
    secrets.create_secret(Name="b", SecretBinary=b"\x00\xff")
    eq(secrets.get_secret_value(SecretId="b")["SecretBinary"], b"\x00\xff")
    eq("two-secret" in json.dumps(show(STATE)), False)
    secrets.delete_secret(SecretId="s")
    with refused("InvalidRequestException", 400):
        secrets.get_secret_value(SecretId="s")
    secrets.restore_secret(SecretId="s")
    eq(secrets.get_secret_value(SecretId="s")["SecretString"], "two-secret")
    with refused("ResourceExistsException", 400):
        secrets.create_secret(Name="s")
    eq([x["Name"] for p in pages(secrets, "list_secrets", "SecretList", 1) for x in p], ["quiet", "s", "b"])
    key = kms.create_key()["KeyMetadata"]
    kms.disable_key(KeyId=key["Arn"])
    eq(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "Disabled")
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    with refused("KMSInvalidStateException", 400, "pending deletion"):
        kms.enable_key(KeyId=key["KeyId"])
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    eq(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Enabled"], True)
    kms.create_key()
    eq([len(p) for p in pages(kms, "list_keys", "Keys", 1)], [1, 1])
    with refused("NotFoundException", 400):
        kms.describe_key(KeyId="none")


@case("instances leave their Auto Scaling group, stand by, and come back")
def _():
    ids = [i["InstanceId"] for i in ec2.run_instances(ImageId="ami-0abcdef1234567890", MinCount=3, MaxCount=3)["Instances"]]
    asg.create_auto_scaling_group(AutoScalingGroupName="g", MinSize=0, MaxSize=5, AvailabilityZones=["us-east-1a"])
    asg.attach_instances(AutoScalingGroupName="g", InstanceIds=ids)

    def group():
        g = asg.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0]
        return {i["InstanceId"]: i["LifecycleState"] for i in g["Instances"]}, g["DesiredCapacity"]
    eq(group(), ({i: "InService" for i in ids}, 3))
    done = asg.detach_instances(AutoScalingGroupName="g", InstanceIds=ids[:1], ShouldDecrementDesiredCapacity=False)["Activities"]
    has(done[0]["Description"], ids[0])
    eq(group(), ({ids[1]: "InService", ids[2]: "InService"}, 3))
    asg.enter_standby(AutoScalingGroupName="g", InstanceIds=ids[1:2], ShouldDecrementDesiredCapacity=True)
    eq(group(), ({ids[1]: "Standby", ids[2]: "InService"}, 2))
    asg.exit_standby(AutoScalingGroupName="g", InstanceIds=ids[1:2])
    eq(group()[1], 3)
    with refused("ValidationError", 400, "not part of"):
        asg.detach_instances(AutoScalingGroupName="g", InstanceIds=ids[:1], ShouldDecrementDesiredCapacity=False)
    eq([i["InstanceId"] for p in pages(asg, "describe_auto_scaling_instances", "AutoScalingInstances", 1) for i in p], ids[1:])
    asg.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Terminate", "AZRebalance"])
    asg.resume_processes(AutoScalingGroupName="g", ScalingProcesses=["AZRebalance"])
    eq([p["ProcessName"] for p in asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]["SuspendedProcesses"]], ["Terminate"])
    with refused("ValidationError", 400, "not found"):
        asg.delete_auto_scaling_group(AutoScalingGroupName="none")


@case("databases: made private, stopped; snapshots no longer shared")
def _():
    for n in range(22):
        rds.create_db_instance(DBInstanceIdentifier="db%02d" % n, DBInstanceClass="db.t3.micro", Engine="postgres", PubliclyAccessible=True, MasterUsername="u", MasterUserPassword="a-password")
    eq([len(p) for p in pages(rds, "describe_db_instances", "DBInstances", 20)], [20, 2])
    with refused("InvalidParameterValue", 400, "MaxRecords"):
        rds.describe_db_instances(MaxRecords=5)
    eq(rds.modify_db_instance(DBInstanceIdentifier="db00", PubliclyAccessible=False)["DBInstance"]["PubliclyAccessible"], False)
    rds.stop_db_instance(DBInstanceIdentifier="db00")
    with refused("InvalidDBInstanceState", 400):
        rds.modify_db_instance(DBInstanceIdentifier="db00", PubliclyAccessible=True)
    rds.create_db_snapshot(DBInstanceIdentifier="db01", DBSnapshotIdentifier="snap")

    def shared():
        return rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="snap")["DBSnapshotAttributesResult"]["DBSnapshotAttributes"][0]["AttributeValues"]
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="snap", AttributeName="restore", ValuesToAdd=["all", "210987654321"])
    eq(shared(), ["all", "210987654321"])
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="snap", AttributeName="restore", ValuesToRemove=["all"])
    eq(shared(), ["210987654321"])
    with refused("DBInstanceNotFound", 404):
        rds.describe_db_instances(DBInstanceIdentifier="none")
    eq("a-password" in json.dumps(show(STATE)), False)


@case("objects in parts, in ranges, and copied")
def _():
    s3.create_bucket(Bucket="parts")
    one, two = b"a" * (5 << 20), b"tail"
    up = s3.create_multipart_upload(Bucket="parts", Key="big", ContentType="x/y", Metadata={"k": "v"})["UploadId"]
    tags = [s3.upload_part(Bucket="parts", Key="big", UploadId=up, PartNumber=n, Body=b)["ETag"] for n, b in ((1, one), (2, two))]
    eq([p["Size"] for p in s3.list_parts(Bucket="parts", Key="big", UploadId=up)["Parts"]], [len(one), 4])
    parts = [{"PartNumber": n + 1, "ETag": t} for n, t in enumerate(tags)]
    with refused("InvalidPartOrder", 400):
        s3.complete_multipart_upload(Bucket="parts", Key="big", UploadId=up, MultipartUpload={"Parts": parts[::-1]})
    with refused("InvalidPart", 400):
        s3.complete_multipart_upload(Bucket="parts", Key="big", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": 3, "ETag": "x"}]})
    done = s3.complete_multipart_upload(Bucket="parts", Key="big", UploadId=up, MultipartUpload={"Parts": parts})
    eq(done["ETag"], '"%s-2"' % hashlib.md5(b"".join(hashlib.md5(b).digest() for b in (one, two))).hexdigest())
    got = s3.get_object(Bucket="parts", Key="big")
    eq((got["Body"].read() == one + two, got["ContentType"], got["Metadata"]), (True, "x/y", {"k": "v"}))
    eq(s3.list_multipart_uploads(Bucket="parts").get("Uploads"), None)
    with refused("NoSuchUpload", 404):
        s3.abort_multipart_upload(Bucket="parts", Key="big", UploadId=up)
    s3.put_object(Bucket="parts", Key="a b/ü", Body=b"0123456789", Metadata={"m": "1"})
    for asked, want, where in (("bytes=0-3", b"0123", "bytes 0-3/10"), ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=8-99", b"89", "bytes 8-9/10")):
        got = s3.get_object(Bucket="parts", Key="a b/ü", Range=asked)
        eq((got["Body"].read(), got["ContentRange"], got["ResponseMetadata"]["HTTPStatusCode"]), (want, where, 206))
    with refused("InvalidRange", 416):
        s3.get_object(Bucket="parts", Key="a b/ü", Range="bytes=10-")
    s3.copy_object(Bucket="parts", Key="copy", CopySource={"Bucket": "parts", "Key": "a b/ü"})
    got = s3.get_object(Bucket="parts", Key="copy")
    eq((got["Body"].read(), got["Metadata"]), (b"0123456789", {"m": "1"}))
    s3.copy_object(Bucket="parts", Key="copy", CopySource="parts/copy", MetadataDirective="REPLACE", Metadata={"m": "2"})
    eq(s3.head_object(Bucket="parts", Key="copy")["Metadata"], {"m": "2"})
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket="parts", Key="copy", CopySource="parts/copy")
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket="parts", Key="copy", CopySource="parts/none")


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
