"""Endpoints of every service against botocore's own evaluation of AWS's endpoint rules. A sample of regions and variants by default;
PB_CONFORMANCE_N=all holds all services in all regions and variants against it (15 s)."""
# speed: slow
import os
import random

import awsendpoints
import boto3
from awsdrive import Client
from botocore.config import Config
from codecdiff import Driver
from pbtest import case, eq, has, main

ALL = os.environ.get("PB_CONFORMANCE_N") == "all"
SEED = os.environ.get("PB_CONFORMANCE_SEED", "endpoints")


@case("every service is where AWS's rules say, also by FIPS and dual stack, and in regions nobody knows yet")
def _():
    driver, n, wrong = Driver(), 0, []
    everything = [(r, v) for r in awsendpoints.regions() for v in awsendpoints.VARIANTS]
    for name in awsendpoints.loader.list_available_services("service-2"):
        where = everything if ALL else random.Random(SEED + name).sample(everything, 8)
        for what, got, want in awsendpoints.compare(driver.ask, name, where):
            n += 1
            if got != want:
                wrong.append("%s %s: %s, botocore: %s" % (name, what, got, want))
    driver.close()
    eq(wrong[:20], [], "%d of %d differ" % (len(wrong), n))
    eq(n >= (45000 if ALL else 2600), True, "only %d were compared" % n)


@case("the switches choose the host that boto3's own client would take")
def _():
    wrong = []
    for fips, dual in awsendpoints.VARIANTS[1:]:
        ours = Client(AWS_USE_FIPS_ENDPOINT=str(fips).lower(), AWS_USE_DUALSTACK_ENDPOINT=str(dual).lower())
        for service in ("ec2", "s3", "sts", "kms", "lambda", "dynamodb", "guardduty", "iam"):
            for region in ("us-east-1", "us-gov-west-1"):
                config = Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual)
                c = boto3.client(service, region_name=region, aws_access_key_id="x", aws_secret_access_key="y", config=config)
                try:
                    operation = c.meta.service_model.operation_model(c.meta.service_model.operation_names[0])
                    want = c._ruleset_resolver.construct_endpoint(operation, None, {}).url + "/"
                except Exception:  # botocore has many kinds of "not there"
                    want = None
                got = ours.address(service, region)
                if (got and got["url"]) != want:
                    wrong.append("%s in %s, fips %s, dual stack %s: %s, boto3: %s" % (service, region, fips, dual, got and got["url"], want))
        ours.close()
    eq(wrong, [])


@case("a place where there is nothing is refused by name")
def _():
    c = Client(AWS_USE_DUALSTACK_ENDPOINT="true")
    o = c.call("ec2.DescribeRegions", _region="us-iso-east-1")
    eq(o["code"], "region")
    has(o["message"], "no dual-stack endpoint for ec2 in region us-iso-east-1")
    c.close()
    c = Client("http://127.0.0.1:1", AWS_USE_FIPS_ENDPOINT="true")
    o = c.call("ec2.DescribeRegions")
    has(o["message"], "AWS_ENDPOINT_URL names an address, so use_fips_endpoint")
    c.close()


main()
