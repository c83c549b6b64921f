"""SSM, SNS, GuardDuty and Security Hub of the simulated account, with boto3 for a client."""
# runs: sanitized
from account import ACCOUNT, Account, refused
from pbtest import case, eq, has, main

account = Account()
ssm, sns, gd, hub = (account.client(s) for s in ("ssm", "sns", "guardduty", "securityhub"))


@case("parameters: put, overwritten, read, listed by path, deleted")
def _():
    eq(ssm.put_parameter(Name="/app/a", Value="1", Type="String")["Version"], 1)
    with refused("ParameterAlreadyExists", 400):
        ssm.put_parameter(Name="/app/a", Value="2", Type="String")
    eq(ssm.put_parameter(Name="/app/a", Value="2", Type="String", Overwrite=True)["Version"], 2)
    got = ssm.get_parameter(Name="/app/a")["Parameter"]
    eq((got["Value"], got["Version"], got["ARN"]), ("2", 2, "arn:aws:ssm:us-east-1:%s:parameter/app/a" % ACCOUNT))
    ssm.put_parameter(Name="/app/deep/s", Value="hidden", Type="SecureString")
    eq(ssm.get_parameter(Name="/app/deep/s", WithDecryption=True)["Parameter"]["Value"], "hidden")
    eq(ssm.get_parameter(Name="/app/deep/s")["Parameter"]["Value"] == "hidden", False)
    eq([p["Name"] for p in ssm.get_parameters_by_path(Path="/app")["Parameters"]], ["/app/a"])
    eq([p["Name"] for p in ssm.get_parameters_by_path(Path="/app/", Recursive=True)["Parameters"]], ["/app/a", "/app/deep/s"])
    some = ssm.get_parameters(Names=["/app/a", "/none"])
    eq((len(some["Parameters"]), some["InvalidParameters"]), (1, ["/none"]))
    with refused("ParameterNotFound", 400):
        ssm.get_parameter(Name="/none")
    with refused("ValidationException"):
        ssm.put_parameter(Name="aws-mine", Value="x", Type="String")
    with refused("ValidationException", part="4096"):
        ssm.put_parameter(Name="big", Value="x" * 5000, Type="String")
    ssm.delete_parameter(Name="/app/a")
    gone = ssm.delete_parameters(Names=["/app/a", "/app/deep/s"])
    eq((gone["DeletedParameters"], gone["InvalidParameters"]), (["/app/deep/s"], ["/app/a"]))


@case("topics, subscriptions and messages")
def _():
    arn = sns.create_topic(Name="alerts", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    eq(arn, "arn:aws:sns:us-east-1:%s:alerts" % ACCOUNT)
    eq(sns.create_topic(Name="alerts")["TopicArn"], arn)
    sub = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="soc@example.com", ReturnSubscriptionArn=True)["SubscriptionArn"]
    eq(sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="soc@example.com")["SubscriptionArn"], sub)
    eq(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["SubscriptionsConfirmed"], "1")
    ids = {sns.publish(TopicArn=arn, Message="m", Subject="s", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})["MessageId"] for _ in range(3)}
    eq(len(ids), 3)
    with refused("NotFound", 404, "Topic does not exist"):
        sns.publish(TopicArn=arn + "x", Message="m")
    with refused("InvalidParameter", 400):
        sns.publish(TopicArn=arn, Message="")
    with refused("InvalidParameter", 400):
        sns.create_topic(Name="a b")
    for n in range(105):
        sns.create_topic(Name="t%03d" % n)
    pages = [p["Topics"] for p in sns.get_paginator("list_topics").paginate()]
    eq([len(p) for p in pages], [100, 6])
    sns.unsubscribe(SubscriptionArn=sub)
    eq(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"], [])
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    with refused("NotFound", 404):
        sns.get_topic_attributes(TopicArn=arn)


@case("a detector, sample findings, found by criteria, archived")
def _():
    d = gd.create_detector(Enable=True)["DetectorId"]
    with refused("BadRequestException", 400, "already exists"):
        gd.create_detector(Enable=True)
    eq(gd.list_detectors()["DetectorIds"], [d])
    eq(gd.get_detector(DetectorId=d)["Status"], "ENABLED")
    gd.create_sample_findings(DetectorId=d, FindingTypes=["Trojan:EC2/DNSDataExfiltration", "Policy:S3/BucketAnonymousAccessGranted"])
    ids = gd.list_findings(DetectorId=d)["FindingIds"]
    found = gd.get_findings(DetectorId=d, FindingIds=ids)["Findings"]
    eq([(f["Type"], f["Resource"]["ResourceType"], f["Severity"], f["AccountId"]) for f in found],
       [("Trojan:EC2/DNSDataExfiltration", "Instance", 8.0, ACCOUNT), ("Policy:S3/BucketAnonymousAccessGranted", "S3Bucket", 8.0, ACCOUNT)])

    def by(**criterion):
        return gd.list_findings(DetectorId=d, FindingCriteria={"Criterion": {k.replace("_", "."): v for k, v in criterion.items()}})["FindingIds"]
    eq(by(type={"Eq": ["Trojan:EC2/DNSDataExfiltration"]}), ids[:1])
    eq(by(type={"Neq": ["Trojan:EC2/DNSDataExfiltration"]}), ids[1:])
    eq((by(severity={"Gte": 8}), by(severity={"GreaterThan": 8})), (ids, []))
    gd.archive_findings(DetectorId=d, FindingIds=ids[:1])
    eq(by(service_archived={"Eq": ["false"]}), ids[1:])
    gd.unarchive_findings(DetectorId=d, FindingIds=ids[:1])
    eq(by(service_archived={"Eq": ["true"]}), [])
    with refused("BadRequestException", 400, "detectorId"):
        gd.list_findings(DetectorId="0" * 32)
    eq(gd.list_findings(DetectorId=d, MaxResults=1)["FindingIds"], ids[:1])
    gd.delete_detector(DetectorId=d)
    eq(gd.list_detectors()["DetectorIds"], [])


def finding(n, **more):
    return {"SchemaVersion": "2018-10-08", "Id": "finding-%d" % n, "ProductArn": "arn:aws:securityhub:us-east-1:%s:product/%s/default" % (ACCOUNT, ACCOUNT), "GeneratorId": "g",
            "AwsAccountId": ACCOUNT, "Types": ["Software and Configuration Checks"], "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z", "Severity": {"Label": "HIGH"},
            "Title": "t*%d" % n, "Description": "d", "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b%d" % n}], **more}


@case("findings imported, found by filters, worked on, and kept when sent again")
def _():
    with refused("InvalidAccessException", 401, "not subscribed"):
        hub.get_findings()
    hub.enable_security_hub()
    with refused("ResourceConflictException", 409):
        hub.enable_security_hub()
    got = hub.batch_import_findings(Findings=[finding(1), finding(2, Severity={"Label": "LOW"}), finding(3, AwsAccountId="210987654321")])
    eq((got["SuccessCount"], got["FailedCount"], [f["Id"] for f in got["FailedFindings"]]), (2, 1, ["finding-3"]))

    def by(**filters):
        return [f["Id"] for f in hub.get_findings(Filters={k: [{"Comparison": c, "Value": v}] for k, (c, v) in filters.items()})["Findings"]]
    eq(by(), ["finding-1", "finding-2"])
    eq(by(SeverityLabel=("EQUALS", "HIGH")), ["finding-1"])
    eq(by(SeverityLabel=("NOT_EQUALS", "HIGH")), ["finding-2"])
    eq(by(Title=("PREFIX", "t*")), ["finding-1", "finding-2"])
    eq(by(Title=("EQUALS", "t*")), [])
    eq(by(ResourceId=("PREFIX", "arn:aws:s3:::b2")), ["finding-2"])
    with refused("NotImplemented", 501, "ProcessName"):
        by(ProcessName=("EQUALS", "x"))
    one = {"Id": "finding-1", "ProductArn": finding(1)["ProductArn"]}
    got = hub.batch_update_findings(FindingIdentifiers=[one, {**one, "Id": "none"}], Workflow={"Status": "RESOLVED"}, Note={"Text": "done", "UpdatedBy": "me"})
    eq((got["ProcessedFindings"], got["UnprocessedFindings"][0]["ErrorCode"]), ([one], "FindingNotFound"))
    hub.batch_import_findings(Findings=[finding(1, Title="new title")])
    kept = hub.get_findings(Filters={"Id": [{"Comparison": "EQUALS", "Value": "finding-1"}]})["Findings"][0]
    eq((kept["Title"], kept["Workflow"]["Status"], kept["Note"]["Text"]), ("new title", "RESOLVED", "done"))
    has(hub.describe_hub()["HubArn"], ":hub/default")
    hub.disable_security_hub()


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
