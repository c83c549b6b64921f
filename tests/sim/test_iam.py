"""IAM and STS of the simulated account, with boto3 for a client."""
# runs: sanitized
import datetime
import json

from account import ACCOUNT, Account, refused
from pbtest import case, eq, has, main

account = Account()
iam, sts = account.client("iam"), account.client("sts")
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})


def deny(before=None):
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    if before:
        statement["Condition"] = {"DateLessThan": {"aws:TokenIssueTime": before.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user(name, **more):
    return iam.create_user(UserName=name, **more)["User"]


def key_of(name):
    k = iam.create_access_key(UserName=name)["AccessKey"]
    return k["AccessKeyId"], k["SecretAccessKey"]


@case("users are made, found, listed by path and name, deleted")
def _():
    made = user("ada", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])
    eq((made["Arn"], made["UserId"][:4], len(made["UserId"])), ("arn:aws:iam::%s:user/team/ada" % ACCOUNT, "AIDA", 21))
    eq(iam.get_user(UserName="ada")["User"], made)
    with refused("EntityAlreadyExists", 409, "User with name ADA already exists."):
        user("ADA")
    with refused("NoSuchEntity", 404, "The user with name nobody cannot be found."):
        iam.get_user(UserName="nobody")
    eq([u["UserName"] for u in iam.list_users(PathPrefix="/team/")["Users"]], ["ada"])
    iam.tag_user(UserName="ada", Tags=[{"Key": "a", "Value": "c"}, {"Key": "d", "Value": "e"}])
    iam.untag_user(UserName="ada", TagKeys=["d"])
    eq(iam.list_user_tags(UserName="ada")["Tags"], [{"Key": "a", "Value": "c"}])
    iam.delete_user(UserName="ada")
    with refused("NoSuchEntity", 404):
        iam.delete_user(UserName="ada")


@case("a user cannot go while something hangs on it")
def _():
    user("busy")
    key, _ = key_of("busy")
    for undo, word in ((lambda: iam.delete_access_key(UserName="busy", AccessKeyId=key), "access keys"), (None, None)):
        if undo:
            with refused("DeleteConflict", 409, word):
                iam.delete_user(UserName="busy")
            undo()
    iam.put_user_policy(UserName="busy", PolicyName="p", PolicyDocument=ALLOW)
    with refused("DeleteConflict", 409, "policies"):
        iam.delete_user(UserName="busy")
    iam.delete_user_policy(UserName="busy", PolicyName="p")
    iam.create_login_profile(UserName="busy", Password="Secret-Password-1")
    with refused("DeleteConflict", 409, "login profile"):
        iam.delete_user(UserName="busy")
    iam.delete_login_profile(UserName="busy")
    iam.delete_user(UserName="busy")


@case("access keys: two a user, listed, switched off and on, deleted")
def _():
    user("keys")
    one, secret = key_of("keys")
    key_of("keys")
    eq((one[:4], len(one), len(secret)), ("AKIA", 20, 40))
    with refused("LimitExceeded", 409, "AccessKeysPerUser: 2"):
        key_of("keys")
    iam.update_access_key(UserName="keys", AccessKeyId=one, Status="Inactive")
    listed = iam.list_access_keys(UserName="keys")["AccessKeyMetadata"]
    eq([k["Status"] for k in listed], ["Inactive", "Active"])
    eq("SecretAccessKey" in listed[0], False)
    with refused("NoSuchEntity", 404, "The Access Key with id AKIANONE"):
        iam.update_access_key(UserName="keys", AccessKeyId="AKIANONE0123456789AB", Status="Inactive")
    with refused("ValidationError", 400):
        iam.update_access_key(UserName="keys", AccessKeyId=one, Status="Sleeping")
    iam.delete_access_key(UserName="keys", AccessKeyId=one)
    eq(len(iam.list_access_keys(UserName="keys")["AccessKeyMetadata"]), 1)


@case("a user's key signs, its use is noted, and switched off it is refused by every protocol")
def _():
    user("signer")
    key, secret = key_of("signer")
    eq(iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"], "N/A")
    who = account.client("sts", key, secret).get_caller_identity()
    eq((who["Arn"], who["Account"]), ("arn:aws:iam::%s:user/signer" % ACCOUNT, ACCOUNT))
    eq(iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]["ServiceName"], "sts")
    eq(account.client("iam", key, secret).get_user()["User"]["UserName"], "signer")
    iam.update_access_key(UserName="signer", AccessKeyId=key, Status="Inactive")
    with refused("InvalidClientTokenId", 403):
        account.client("sts", key, secret).get_caller_identity()
    with refused("AuthFailure", 401):
        account.client("ec2", key, secret).describe_vpcs()
    with refused("UnrecognizedClientException"):
        account.client("ssm", key, secret).get_parameter(Name="x")
    with refused("InvalidAccessKeyId", 403):
        account.client("s3", key, secret).list_buckets()
    iam.update_access_key(UserName="signer", AccessKeyId=key, Status="Active")
    account.client("sts", key, secret).get_caller_identity()


@case("inline policies of users and roles come back as they were put")
def _():
    user("inline")
    iam.create_role(RoleName="inline", AssumeRolePolicyDocument=TRUST)
    for put, get, names, delete, who in ((iam.put_user_policy, iam.get_user_policy, iam.list_user_policies, iam.delete_user_policy, {"UserName": "inline"}),
                                         (iam.put_role_policy, iam.get_role_policy, iam.list_role_policies, iam.delete_role_policy, {"RoleName": "inline"})):
        for name in ("zz", "aa"):
            put(PolicyName=name, PolicyDocument=ALLOW, **who)
        eq(names(**who)["PolicyNames"], ["aa", "zz"])
        eq(get(PolicyName="aa", **who)["PolicyDocument"], json.loads(ALLOW))
        with refused("MalformedPolicyDocument", 400):
            put(PolicyName="bad", PolicyDocument="{not json", **who)
        with refused("MalformedPolicyDocument", 400):
            put(PolicyName="bad", PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Action": "*", "Resource": "*"}]}', **who)
        delete(PolicyName="aa", **who)
        with refused("NoSuchEntity", 404, "policy with name aa cannot be found."):
            get(PolicyName="aa", **who)
    big = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:%s" % ("x" * 50)] * 40, "Resource": "*"}]})
    with refused("LimitExceeded", 409, "Maximum policy size of 2048 bytes exceeded for user inline"):
        iam.put_user_policy(UserName="inline", PolicyName="big", PolicyDocument=big)
    iam.put_role_policy(RoleName="inline", PolicyName="big", PolicyDocument=big)


@case("managed policies are attached, listed and detached")
def _():
    user("managed")
    arn = iam.create_policy(PolicyName="mine", PolicyDocument=ALLOW)["Policy"]["Arn"]
    aws = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    for a in (arn, aws, arn):
        iam.attach_user_policy(UserName="managed", PolicyArn=a)
    eq(iam.list_attached_user_policies(UserName="managed")["AttachedPolicies"], [{"PolicyName": "mine", "PolicyArn": arn}, {"PolicyName": "ReadOnlyAccess", "PolicyArn": aws}])
    eq(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
    eq(iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"], json.loads(ALLOW))
    with refused("DeleteConflict", 409):
        iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", 404, "not attachable"):
        iam.attach_user_policy(UserName="managed", PolicyArn="arn:aws:iam::%s:policy/none" % ACCOUNT)
    iam.detach_user_policy(UserName="managed", PolicyArn=arn)
    with refused("NoSuchEntity", 404):
        iam.detach_user_policy(UserName="managed", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)


@case("roles, and those of services that only AWS may change")
def _():
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST, Description="d")["Role"]
    eq(role["AssumeRolePolicyDocument"], json.loads(TRUST))
    eq(iam.get_role(RoleName="app")["Role"]["Arn"], "arn:aws:iam::%s:role/app" % ACCOUNT)
    eq("app" in [r["RoleName"] for r in iam.list_roles()["Roles"]], True)
    with refused("MalformedPolicyDocument"):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument="[]")
    linked = iam.create_service_linked_role(AWSServiceName="guardduty.amazonaws.com")["Role"]
    has(linked["Path"], "/aws-service-role/")
    with refused("UnmodifiableEntity", 400, "only modifiable by AWS"):
        iam.put_role_policy(RoleName=linked["RoleName"], PolicyName="p", PolicyDocument=ALLOW)
    with refused("UnmodifiableEntity", 400):
        iam.delete_role(RoleName=linked["RoleName"])
    iam.delete_role(RoleName="app")
    with refused("NoSuchEntity", 404, "The role with name app cannot be found."):
        iam.get_role(RoleName="app")


@case("groups, login profiles, MFA devices")
def _():
    user("member")
    iam.create_group(GroupName="team")
    iam.add_user_to_group(GroupName="team", UserName="member")
    eq([u["UserName"] for u in iam.get_group(GroupName="team")["Users"]], ["member"])
    eq([g["GroupName"] for g in iam.list_groups_for_user(UserName="member")["Groups"]], ["team"])
    with refused("DeleteConflict"):
        iam.delete_group(GroupName="team")
    iam.create_login_profile(UserName="member", Password="Secret-Password-1", PasswordResetRequired=True)
    with refused("EntityAlreadyExists"):
        iam.create_login_profile(UserName="member", Password="Secret-Password-1")
    eq(iam.get_login_profile(UserName="member")["LoginProfile"]["PasswordResetRequired"], True)
    iam.delete_login_profile(UserName="member")
    with refused("NoSuchEntity", 404, "Login Profile for User member cannot be found."):
        iam.get_login_profile(UserName="member")
    eq(iam.list_mfa_devices(UserName="member")["MFADevices"], [])
    serial = "arn:aws:iam::%s:mfa/member" % ACCOUNT
    iam.enable_mfa_device(UserName="member", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")
    eq([m["SerialNumber"] for m in iam.list_mfa_devices(UserName="member")["MFADevices"]], [serial])
    iam.deactivate_mfa_device(UserName="member", SerialNumber=serial)
    eq(iam.list_mfa_devices(UserName="member")["MFADevices"], [])
    iam.remove_user_from_group(GroupName="team", UserName="member")
    iam.delete_group(GroupName="team")


@case("pages of users by Marker")
def _():
    for n in range(7):
        user("page-%d" % n, Path="/pages/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3}))
    eq([len(p["Users"]) for p in pages], [3, 3, 1])
    eq([p["IsTruncated"] for p in pages], [True, True, False])
    eq([u["UserName"] for p in pages for u in p["Users"]], ["page-%d" % n for n in range(7)])
    with refused("ValidationError"):
        iam.list_users(Marker="nonsense")


@case("a role is assumed, and what comes back works with its token only")
def _():
    arn = iam.create_role(RoleName="assumed", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    got = sts.assume_role(RoleArn=arn, RoleSessionName="session", DurationSeconds=900)
    c = got["Credentials"]
    eq((c["AccessKeyId"][:4], (c["Expiration"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 901), ("ASIA", True))
    keys = (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    eq(account.client("sts", *keys).get_caller_identity()["Arn"], "arn:aws:sts::%s:assumed-role/assumed/session" % ACCOUNT)
    with refused("InvalidClientTokenId", 403):
        account.client("sts", keys[0], keys[1], "another-token").get_caller_identity()
    with refused("AccessDenied", 403):
        sts.assume_role(RoleArn="arn:aws:iam::%s:role/none" % ACCOUNT, RoleSessionName="session")
    with refused("ValidationError"):
        sts.assume_role(RoleArn=arn, RoleSessionName="session", DurationSeconds=7200)


@case("revoking sessions by a deny on older tokens refuses them, and not newer ones")
def _():
    arn = iam.create_role(RoleName="revoked", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]

    def session():
        c = sts.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return account.client("ec2", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    old = session()
    old.describe_vpcs()
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    iam.put_role_policy(RoleName="revoked", PolicyName="AWSRevokeOlderSessions", PolicyDocument=deny(later))
    with refused("UnauthorizedOperation", 403, "explicit deny"):
        old.describe_vpcs()
    iam.put_role_policy(RoleName="revoked", PolicyName="AWSRevokeOlderSessions", PolicyDocument=deny(later - datetime.timedelta(hours=1)))
    old.describe_vpcs()


@case("an explicit deny stops a user, through a group too; a deny on tokens leaves its long-lived key alone")
def _():
    user("denied")
    key, secret = key_of("denied")
    mine = account.client("iam", key, secret)
    mine.list_users()
    iam.put_user_policy(UserName="denied", PolicyName="p", PolicyDocument=deny(datetime.datetime.now(datetime.timezone.utc)))
    mine.list_users()
    iam.put_user_policy(UserName="denied", PolicyName="p", PolicyDocument=deny())
    with refused("AccessDenied", 403, "explicit deny"):
        mine.list_users()
    account.client("sts", key, secret).get_caller_identity()
    iam.delete_user_policy(UserName="denied", PolicyName="p")
    iam.create_group(GroupName="denied")
    iam.put_group_policy(GroupName="denied", PolicyName="p", PolicyDocument=deny())
    iam.add_user_to_group(GroupName="denied", UserName="denied")
    with refused("AccessDenied", 403):
        mine.list_users()


@case("it is still there, and ends when told to")
def _():
    account.alive()
    eq(account.stop(), 0)


main()
