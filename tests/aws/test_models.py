"""The table from another folder of botocore's format: a few services, one of them compressed and with a newer version, linked into the codec's
test driver. And what a table of all services costs a program at its start."""
import gzip
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import botocore

import codecdiff
from pbtest import BUILD, PBRUN, ROOT, case, eq, main, run, tempdir

DATA = os.path.join(os.path.dirname(botocore.__file__), "data")
LIBS = [os.path.join(BUILD, "lib%s.a" % n) for n in ("stdlib", "vm", "lang")]
SYSTEM = "-ljson-c -lcrypto -lexpat -lpcre2-8 -lsqlite3 -lz -ldl -lm".split()


def chosen(services):
    """A folder with the models of some services."""
    models = tempdir()
    for name in services:
        shutil.copytree(os.path.join(DATA, name), os.path.join(models, name))
    for name in os.listdir(DATA):
        if name.endswith(".json") or name.endswith(".json.gz"):
            shutil.copy(os.path.join(DATA, name), models)
    return models


def build(models):
    """The codec's driver with a table of these models."""
    out = tempdir()
    p = run(["make", "-s", "BUILD=" + out, "AWS_MODELS=" + models, out + "/aws_model.o"])
    eq(p.returncode, 0, p.stderr)
    # The table comes before the libraries, so that theirs is not taken.
    driver = os.path.join(out, "driver")
    p = run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-I.", "-O1", "-o", driver, "tests/unit/codec_driver.c", out + "/aws_model.o", *LIBS, *SYSTEM])
    eq(p.returncode, 0, p.stderr)
    return out, driver


def touched_pages(command):
    """Page faults of a program that is in the file cache: what it looks at and what it allocates."""
    best = None
    for _ in range(5):
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        eq(p.returncode, 0, command[0])
        best = min(best or usage.ru_minflt + usage.ru_majflt, usage.ru_minflt + usage.ru_majflt)
    return best


@case("models: make AWS_MODELS=DIR takes another folder, compressed files and newer versions")
def _():
    models = chosen(["sts", "ssm", "s3"])
    old = os.path.join(models, "ssm", "2014-11-06")
    with open(os.path.join(old, "service-2.json"), encoding="utf-8") as f:
        ssm = json.load(f)
    ssm["metadata"]["apiVersion"] = "2099-01-01"
    ssm["operations"]["BrandNew"] = dict(ssm["operations"]["GetParameter"], name="BrandNew")
    os.mkdir(os.path.join(models, "ssm", "2099-01-01"))
    with gzip.open(os.path.join(models, "ssm", "2099-01-01", "service-2.json.gz"), "wt", encoding="utf-8") as f:
        json.dump(ssm, f)
    _, driver = build(models)
    d = codecdiff.Driver(driver)
    got = d.ask(do="write", service="ssm", op="BrandNew", input={"Name": "n"})
    eq(dict(got["headers"])["X-Amz-Target"], "AmazonSSM.BrandNew")
    eq(d.ask(do="write", service="ec2", op="DescribeVpcs", input={})["message"], "no such operation")
    eq(d.ask(do="write", service="sts", op="GetCallerIdentity", input={})["ok"], True)
    d.close()


@case("models: another folder makes another table, the same one none")
def _():
    models, out = chosen(["sts"]), tempdir()
    table = os.path.join(out, "model", "aws_model.bin")
    make = ["make", "-s", "BUILD=" + out, table]
    eq(run(make + ["AWS_MODELS=" + models]).returncode, 0)
    first = os.stat(table)
    eq(run(make + ["AWS_MODELS=" + models]).returncode, 0)
    eq(os.stat(table).st_mtime_ns, first.st_mtime_ns)
    eq(run(make + ["AWS_MODELS=" + chosen(["sts", "kms"])]).returncode, 0)
    if os.stat(table).st_size <= first.st_size:
        raise AssertionError("the table of two services is not larger than that of one")


@case("models: what starts with every service touches as little as with a few")
def _():
    few = os.path.join(os.path.dirname(build(chosen(["sts", "ssm", "s3", "ec2", "iam", "sns", "guardduty", "securityhub", "s3control", "organizations", "dynamodb"]))[1]), "driver")
    every = os.path.join(BUILD, "tests", "codec_driver")
    request = json.dumps({"do": "write", "service": "ssm", "op": "GetParameter", "input": {"Name": "n"}})
    pages = [touched_pages(["sh", "-c", "echo '%s' | exec %s --serve" % (request, program)]) for program in (few, every)]
    # The kernel maps pages around a touched one as well; a binary search over 333 names goes a few steps further than one over 11.
    if pages[1] > pages[0] + 24:
        raise AssertionError("%d pages with all services, %d with eleven" % (pages[1], pages[0]))


@case("models: the runner does without the documentation")
def _():
    with open(os.path.join(BUILD, "model", "aws_docs.bin") if os.path.exists(os.path.join(BUILD, "model")) else os.path.join(ROOT, "build", "model", "aws_docs.bin"), "rb") as f:
        docs = f.read()
    piece = docs[len(docs) // 2:len(docs) // 2 + 400]
    with open(PBRUN, "rb") as f:
        eq(piece in f.read(), False)
    with open(os.path.join(BUILD, "pbc"), "rb") as f:
        eq(piece in f.read(), True)


main()
