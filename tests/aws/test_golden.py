"""The golden samples of AWS's wire format, collected from documents and captures independently of the codec. A sample whose operation or
member this botocore's models lack is skipped, one by one."""
# runs: sanitized
import base64
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from codecdiff import Driver, service_model
from pbtest import Skip, case, eq, main

driver = Driver()


def known(service, op, params):
    """Skips when the model lacks the operation or one of the members."""
    model = service_model(service)
    if op not in model.operation_names:
        raise Skip("%s has no %s in this botocore" % (service, op))
    members = model.operation_model(op).input_shape.members
    for name in params:
        if name not in members:
            raise Skip("%s.%s has no member %s in this botocore" % (service, op, name))
    return model


def write(service, op, params):
    known(service, op, params)
    got = driver.ask(do="write", service=service.replace("-", "_"), op=op, input=params)
    if not got["ok"]:
        raise AssertionError("refused: %s" % got["message"])
    got["body"] = base64.b64decode(got["body"]).decode()
    got["headers"] = {k.lower(): v for k, v in got["headers"]}
    return got


def form(service, op, version, params, want):
    @case("golden: %s.%s %s" % (service, op, want[:60]))
    def _():
        eq(write(service, op, params)["body"], "Action=%s&Version=%s&%s" % (op, version, want))


EC2, STS, ASG, ELB, RDS, SNS = "2016-11-15", "2011-06-15", "2011-01-01", "2015-12-01", "2014-10-31", "2010-03-31"
form("ec2", "ModifyNetworkInterfaceAttribute", EC2, {"NetworkInterfaceId": "eni-1", "Groups": ["sg-1", "sg-2"]}, "NetworkInterfaceId=eni-1&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2")
form("ec2", "ModifyNetworkInterfaceAttribute", EC2, {"NetworkInterfaceId": "eni-1", "AssociatePublicIpAddress": False}, "NetworkInterfaceId=eni-1&AssociatePublicIpAddress=false")
form("ec2", "RevokeSecurityGroupIngress", EC2, {"GroupId": "sg-1", "SecurityGroupRuleIds": ["sgr-1"]}, "GroupId=sg-1&SecurityGroupRuleId.1=sgr-1")
form("ec2", "RevokeSecurityGroupEgress", EC2, {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]},
     "GroupId=sg-1&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0")
form("ec2", "AuthorizeSecurityGroupIngress", EC2, {"GroupId": "sg-1", "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1"}], "PrefixListIds": [{"PrefixListId": "pl-1"}]}]},
     "GroupId=sg-1&IpPermissions.1.Groups.1.GroupId=sg-2&IpPermissions.1.Groups.1.UserId=1&IpPermissions.1.PrefixListIds.1.PrefixListId=pl-1")
form("ec2", "CreateSecurityGroup", EC2, {"GroupName": "n", "Description": "d", "VpcId": "vpc-1", "TagSpecifications": [{"ResourceType": "security-group", "Tags": [{"Key": "k", "Value": "v"}]}]},
     "GroupName=n&GroupDescription=d&VpcId=vpc-1&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v")
form("ec2", "CreateSnapshots", EC2, {"InstanceSpecification": {"InstanceId": "i-1", "ExcludeBootVolume": False}, "CopyTagsFromSource": "volume"},
     "InstanceSpecification.InstanceId=i-1&InstanceSpecification.ExcludeBootVolume=false&CopyTagsFromSource=volume")


@case("golden: ec2.CreateSnapshots leaves volumes out by ExcludeDataVolumeId")
def _():
    members = service_model("ec2").shape_for("InstanceSpecification").members
    if "ExcludeDataVolumeIds" not in members:
        raise Skip("InstanceSpecification has no member ExcludeDataVolumeIds in this botocore")
    got = write("ec2", "CreateSnapshots", {"InstanceSpecification": {"InstanceId": "i-1", "ExcludeDataVolumeIds": ["vol-1"]}})
    eq(got["body"], "Action=CreateSnapshots&Version=%s&InstanceSpecification.InstanceId=i-1&InstanceSpecification.ExcludeDataVolumeId.1=vol-1" % EC2)


form("ec2", "ModifySnapshotAttribute", EC2, {"SnapshotId": "snap-1", "Attribute": "createVolumePermission", "OperationType": "remove", "GroupNames": ["all"], "UserIds": ["123456789012"]},
     "SnapshotId=snap-1&Attribute=createVolumePermission&OperationType=remove&UserGroup.1=all&UserId.1=123456789012")
form("ec2", "ModifySnapshotAttribute", EC2, {"SnapshotId": "snap-1", "CreateVolumePermission": {"Remove": [{"Group": "all"}]}}, "SnapshotId=snap-1&CreateVolumePermission.Remove.1.Group=all")
form("ec2", "ModifyInstanceAttribute", EC2, {"InstanceId": "i-1", "DisableApiTermination": {"Value": True}}, "InstanceId=i-1&DisableApiTermination.Value=true")
form("ec2", "ModifyInstanceAttribute", EC2, {"InstanceId": "i-1", "Groups": ["sg-1"]}, "InstanceId=i-1&GroupId.1=sg-1")
form("ec2", "ModifyInstanceAttribute", EC2, {"InstanceId": "i-1", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]},
     "InstanceId=i-1&BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda&BlockDeviceMapping.1.Ebs.DeleteOnTermination=false")
form("ec2", "DescribeInstances", EC2, {"Filters": [{"Name": "instance-id", "Values": ["i-1"]}]}, "Filter.1.Name=instance-id&Filter.1.Value.1=i-1")
form("ec2", "CreateTags", EC2, {"Resources": ["i-1"], "Tags": [{"Key": "k", "Value": "v"}]}, "ResourceId.1=i-1&Tag.1.Key=k&Tag.1.Value=v")
form("ec2", "CreateFlowLogs", EC2, {"ResourceIds": ["vpc-1"], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b",
                                    "MaxAggregationInterval": 60, "ClientToken": "t"},
     "ResourceId.1=vpc-1&ResourceType=VPC&TrafficType=ALL&LogDestinationType=s3&LogDestination=arn%3Aaws%3As3%3A%3A%3Ab&MaxAggregationInterval=60&ClientToken=t")
form("sts", "AssumeRole", STS, {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "s-12", "DurationSeconds": 900, "Tags": [{"Key": "k", "Value": "v"}], "SourceIdentity": "me1"},
     "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=s-12&DurationSeconds=900&Tags.member.1.Key=k&Tags.member.1.Value=v&SourceIdentity=me1")
form("autoscaling", "DetachInstances", ASG, {"InstanceIds": ["i-1"], "AutoScalingGroupName": "g", "ShouldDecrementDesiredCapacity": False},
     "InstanceIds.member.1=i-1&AutoScalingGroupName=g&ShouldDecrementDesiredCapacity=false")
form("elbv2", "DeregisterTargets", ELB, {"TargetGroupArn": "arn", "Targets": [{"Id": "i-1", "Port": 80}]}, "TargetGroupArn=arn&Targets.member.1.Id=i-1&Targets.member.1.Port=80")
form("rds", "ModifyDBSnapshotAttribute", RDS, {"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToRemove": ["all"]},
     "DBSnapshotIdentifier=s&AttributeName=restore&ValuesToRemove.AttributeValue.1=all")
form("rds", "CreateDBSnapshot", RDS, {"DBSnapshotIdentifier": "s", "DBInstanceIdentifier": "i", "Tags": [{"Key": "k", "Value": "v"}]},
     "DBSnapshotIdentifier=s&DBInstanceIdentifier=i&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v")
form("sns", "Publish", SNS, {"Message": "m", "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}},
     "Message=m&MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v")


@case("golden: an empty list is Prefix= to query and nothing to ec2")
def _():
    eq(write("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroupNames": []})["body"], "Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames=")
    eq(write("ec2", "DescribeInstances", {"InstanceIds": []})["body"], "Action=DescribeInstances&Version=2016-11-15")


def rest(service, op, params, method, address, body=None, headers=None):
    @case("golden: %s.%s %s %s" % (service, op, method, address[:70]))
    def _():
        got = write(service, op, params)
        eq((got["method"], got["path"] + ("?" + got["query"] if got["query"] else "")), (method, address))
        if body is not None:
            eq(json.loads(got["body"]) if isinstance(body, dict) else got["body"], body)
        for name, value in (headers or {}).items():
            eq(got["headers"].get(name), value, name)


S3NS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
rest("s3", "PutPublicAccessBlock", {"Bucket": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}, "PUT", "/b?publicAccessBlock",
     "<PublicAccessBlockConfiguration%s><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>" % S3NS, {"x-amz-sdk-checksum-algorithm": "CRC32"})
rest("s3", "PutBucketAcl", {"Bucket": "b", "ACL": "private"}, "PUT", "/b?acl", "", {"x-amz-acl": "private", "x-amz-checksum-crc32": "AAAAAA=="})
rest("s3", "PutObjectLegalHold", {"Bucket": "b", "Key": "k", "VersionId": "v", "LegalHold": {"Status": "ON"}}, "PUT", "/b/k?legal-hold&versionId=v",
     "<LegalHold%s><Status>ON</Status></LegalHold>" % S3NS)
rest("s3", "PutObjectRetention", {"Bucket": "b", "Key": "k", "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": {"$time": 1893456000000}}}, "PUT", "/b/k?retention",
     "<Retention%s><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>" % S3NS)
rest("s3", "PutObject", {"Bucket": "b", "Key": "a/b c", "Body": "hello world", "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": {"$time": 1893456000000},
                         "ObjectLockLegalHoldStatus": "ON", "ChecksumAlgorithm": "SHA256"}, "PUT", "/b/a/b%20c", "hello world",
     {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00Z", "x-amz-object-lock-legal-hold": "ON",
      "x-amz-checksum-sha256": "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="})
rest("s3", "PutObject", {"Bucket": "b", "Key": "k", "IfNoneMatch": "*"}, "PUT", "/b/k", "", {"if-none-match": "*"})


@case("golden: s3control.PutPublicAccessBlock has the account in front of its host and no checksum")
def _():
    got = write("s3control", "PutPublicAccessBlock", {"AccountId": "123456789012", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})
    eq((got["method"], got["host_prefix"], got["path"]), ("PUT", "123456789012.", "/v20180820/configuration/publicAccessBlock"))
    eq(got["headers"], {"x-amz-account-id": "123456789012"})
    eq(re.search('xmlns="([^"]*)"', got["body"]).group(1), "http://awss3control.amazonaws.com/doc/2018-08-20/")


def target(service, op, params, want_target, body):
    @case("golden: %s.%s X-Amz-Target: %s" % (service, op, want_target))
    def _():
        got = write(service, op, params)
        if got["headers"].get("x-amz-target") is None:
            raise Skip("%s does not speak JSON in this botocore" % service)
        eq((got["method"], got["path"], got["headers"]["x-amz-target"], json.loads(got["body"])), ("POST", "/", want_target, body))


COMMAND = {"InstanceIds": ["i-12345678"], "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}, "OutputS3BucketName": "bkt"}
target("ssm", "SendCommand", COMMAND, "AmazonSSM.SendCommand", COMMAND)
MESSAGE = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "MessageBody": "m"}
target("sqs", "SendMessage", MESSAGE, "AmazonSQS.SendMessage", MESSAGE)
target("events", "PutEvents", {"Entries": [{"Source": "s", "Time": {"$time": 1700000000000}}]}, "AWSEvents.PutEvents", {"Entries": [{"Source": "s", "Time": 1700000000}]})
target("config", "PutEvaluations", {"ResultToken": "t", "Evaluations": [{"ComplianceResourceType": "r", "ComplianceResourceId": "i", "ComplianceType": "COMPLIANT",
                                                                        "OrderingTimestamp": {"$time": 1700000000000}}]}, "StarlingDoveService.PutEvaluations",
       {"ResultToken": "t", "Evaluations": [{"ComplianceResourceType": "r", "ComplianceResourceId": "i", "ComplianceType": "COMPLIANT", "OrderingTimestamp": 1700000000}]})
EVENTS = {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1700000000678, "message": "m"}]}
target("logs", "PutLogEvents", EVENTS, "Logs_20140328.PutLogEvents", EVENTS)

rest("securityhub", "BatchUpdateFindings", {"FindingIdentifiers": [{"Id": "i", "ProductArn": "p"}], "Workflow": {"Status": "RESOLVED"}}, "PATCH", "/findings/batchupdate",
     {"FindingIdentifiers": [{"Id": "i", "ProductArn": "p"}], "Workflow": {"Status": "RESOLVED"}})
rest("securityhub", "BatchImportFindings", {"Findings": [{"SchemaVersion": "2018-10-08", "Id": "i", "ProductArn": "p", "GeneratorId": "g", "AwsAccountId": "a", "CreatedAt": "c",
                                                          "UpdatedAt": "u", "Title": "t", "Description": "d", "Resources": [{"Type": "t", "Id": "i"}]}]}, "POST", "/findings/import")
rest("guardduty", "ArchiveFindings", {"DetectorId": "D", "FindingIds": ["f"]}, "POST", "/detector/D/findings/archive", {"findingIds": ["f"]})
rest("accessanalyzer", "UpdateFindings", {"analyzerArn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a", "status": "ARCHIVED", "ids": ["i"], "clientToken": "t"}, "PUT", "/finding",
     {"analyzerArn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a", "status": "ARCHIVED", "ids": ["i"], "clientToken": "t"})
rest("lambda", "PutFunctionConcurrency", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f", "ReservedConcurrentExecutions": 0}, "PUT",
     "/2017-10-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/concurrency", {"ReservedConcurrentExecutions": 0})
rest("lambda", "RemovePermission", {"FunctionName": "f", "StatementId": "sid", "RevisionId": "rev"}, "DELETE", "/2015-03-31/functions/f/policy/sid?RevisionId=rev", "")
rest("eks", "DeleteAccessEntry", {"clusterName": "c", "principalArn": "arn:aws:iam::123456789012:role/R"}, "DELETE",
     "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FR", "")


@case("golden: Detective's times are ISO 8601, in answers")
def _():
    got = driver.ask(do="read_answer", service="detective", op="ListGraphs", status=200, headers=[],
                     body=base64.b64encode(b'{"GraphList":[{"Arn":"a","CreatedTime":"2024-02-29T12:00:00Z"}]}').decode())
    eq(got["output"], {"GraphList": [{"Arn": "a", "CreatedTime": {"$time": 1709208000000}}]})


@case("awsQueryCompatible: the code is the one of before, x-amzn-query-error")
def _():
    body = base64.b64encode(b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}').decode()
    got = driver.ask(do="read_answer", service="ssm", op="GetParameter", status=400, headers=[["x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender"]], body=body)
    eq((got["code"], got["message"]), ("AWS.SimpleQueueService.NonExistentQueue", "m"))
    got = driver.ask(do="read_answer", service="ssm", op="GetParameter", status=400, headers=[["x-amzn-query-error", ";Sender"]], body=body)
    eq(got["code"], "QueueDoesNotExist")


@case("xml: attributes and namespaces, both ways")
def _():
    policy = {"Owner": {"ID": "o"}, "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "c"}, "Permission": "READ"}]}
    body = write("s3", "PutBucketAcl", {"Bucket": "b", "AccessControlPolicy": policy})["body"]
    eq('<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>c</ID></Grantee>' in body, True, body)
    answer = "<AccessControlPolicy xmlns='urn:x'><Owner><ID>o</ID></Owner><AccessControlList><Grant>%s<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
    grantee = "<Grantee xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:type='CanonicalUser'><ID>c</ID><New/></Grantee>"
    got = driver.ask(do="read_answer", service="s3", op="GetBucketAcl", status=200, headers=[], body=base64.b64encode((answer % grantee).encode()).decode())
    eq(got["output"], policy)


@case("streaming bodies are bytes as they came")
def _():
    raw = bytes(range(256))
    got = driver.ask(do="read_answer", service="s3", op="GetObject", status=200, headers=[["Content-Type", "text/xml"]], body=base64.b64encode(raw).decode())
    eq((got["output"]["Body"], got["output"]["ContentType"]), ({"$bytes": base64.b64encode(raw).decode()}, "text/xml"))
    got = driver.ask(do="write", service="s3", op="PutObject", input={"Bucket": "b", "Key": "k", "Body": {"$bytes": base64.b64encode(raw).decode()}})
    eq(base64.b64decode(got["body"]), raw)


try:
    main()
finally:
    driver.close()
