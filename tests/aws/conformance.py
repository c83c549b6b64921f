#!/usr/bin/python3
"""make conformance: every operation of every service against botocore.

  tests/aws/conformance.py [--service NAME[,NAME]] [--show N] [--seed WORD] [--jobs N]

For each operation: requests of several inputs (only what is required, everything, random ones, and odd ones: empty lists and texts, other
scripts, reserved characters, the largest numbers, the first and last times), read back by the simulated account; answers with members that
nobody knows; errors, those of the model and others, in each envelope that the protocol has; and one request of each operation signed.
What cannot be the same stands in conformance_exceptions.tsv with its reason; a row there that no longer occurs is a mismatch too.

The last line is for machines: operations N, inputs N, mismatches N.
"""
import argparse
import collections
import multiprocessing
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import awserrors
import awssigned
from awsmodel import Impossible, Maker, answer
from codecdiff import (LISTS, SPECIAL, Driver, Unreadable, compare_answer, compare_own_answer, compare_readback, compare_request, event_stream, loader,
                       parsed_lists, prepared_output, service_model)

REQUESTS = ("least", "full", "random", "random", "odd", "odd")
ANSWERS = ("full", "random", "odd", "odd")
OWN_ANSWERS = ("random", "odd")
SLICE = 120  # operations a piece of work: small enough that both cores end together
EXCEPTIONS = os.path.join(HERE, "conformance_exceptions.tsv")
EVENT_STREAMS = "works with event streams"


def exceptions():
    rows = {}
    with open(EXCEPTIONS, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 4 or not all(fields):
                sys.exit("%s:%d: want service, operation, aspect and reason, by tabs" % (EXCEPTIONS, number))
            if tuple(fields[:3]) in rows:
                sys.exit("%s:%d: a second row for %s.%s %s" % (EXCEPTIONS, number, *fields[:3]))
            rows[tuple(fields[:3])] = fields[3]
    return rows


class Work:
    """What one piece found: {(service, operation, aspect): first difference}, inputs tried, and how many had none."""

    def __init__(self, seed):
        self.found, self.inputs, self.kinds, self.seed = {}, 0, collections.Counter(), seed

    def take(self, service, op, found):
        for aspect, what in found or ():
            self.found.setdefault((service, op.name, aspect), what)

    def tried(self, kind):
        self.inputs += 1
        self.kinds[kind] += 1

    def generator(self, service, op, what, k):
        return random.Random("%s/%s.%s/%s/%d" % (self.seed, service, op.name, what, k))


def made(work, service, op, shape, rng, fit, style):
    try:
        return Maker(rng, fit, style).structure(shape, 0, ()) if shape else {}
    except Impossible:
        work.kinds["not generated"] += 1
        return None


def requests(work, driver, service, model, op):
    wrote = None
    for k, style in enumerate(REQUESTS if op.input_shape and op.input_shape.members else REQUESTS[:1]):
        rng = work.generator(service, op, style, k)
        params = made(work, service, op, op.input_shape, rng, True, style)
        if params is None and style != "least":
            params = made(work, service, op, op.input_shape, rng, True, "least")
        if params is None:
            work.take(service, op, [("request", "no input could be generated")])
            continue
        if service == "s3" and "Bucket" in params:
            params["Bucket"] = rng.choice(["a-bucket", "b.c.d", "xyz"])
        params = parsed_lists(model, op, params)
        found, wrote = compare_request(driver, service, model, op, params)
        work.tried("requests")
        if wrote["ok"]:
            found = found + (compare_readback(driver, service, model, op, params, wrote) or [])
        work.take(service, op, found)
    return wrote


def answers(work, driver, service, model, op):
    if (service, op.name) in SPECIAL:
        return
    for k, style in enumerate(ANSWERS if op.output_shape and op.output_shape.members else ANSWERS[:1]):
        rng = work.generator(service, op, "answer", k)
        v = made(work, service, op, op.output_shape, rng, False, style)
        if v is None:
            continue
        v = prepared_output(service, op, v, rng)
        if (service, op.name) in LISTS:
            v.pop("EncodingType")
        work.tried("answers")
        try:
            work.take(service, op, compare_answer(driver, service, model, op, *answer(model, op, v, rng)))
        except Unreadable:
            work.kinds["not readable by botocore"] += 1
    for k, style in enumerate(OWN_ANSWERS if op.output_shape and op.output_shape.members else OWN_ANSWERS[:1]):
        rng = work.generator(service, op, "own", k)
        v = made(work, service, op, op.output_shape, rng, False, style)
        if v is not None:
            work.tried("answers of the account")
            work.take(service, op, compare_own_answer(driver, service, model, op, prepared_output(service, op, v, rng)))


def refused(work, driver, service, op):
    """An operation with event streams: it must be refused, and say why."""
    got = driver.ask(do="write", service=service, op=op.name, input={})
    work.tried("requests")
    said = not got["ok"] and EVENT_STREAMS in got["message"]
    work.take(service, op, [("event stream" if said else "request", got.get("message", "taken"))])


def piece(task):
    name, first, seed = task
    driver, signer = drivers()
    work, model = Work(seed), service_model(name)
    service = name.replace("-", "_")
    ops = list(model.operation_names)[first:first + SLICE]
    for op_name in ops:
        op = model.operation_model(op_name)
        if event_stream(op.input_shape) or event_stream(op.output_shape):
            refused(work, driver, service, op)
            continue
        wrote = requests(work, driver, service, model, op)
        answers(work, driver, service, model, op)
        for found in awserrors.compare_errors(driver, service, model, op, work.generator(service, op, "errors", 0)):
            work.tried("errors")
            work.take(service, op, found)
        if wrote and wrote["ok"]:
            work.tried("signatures")
            work.take(service, op, awssigned.compare_signed(driver, signer, service, model, op, wrote, work.generator(service, op, "sign", 0)))
    return len(ops), work.inputs, work.kinds, work.found


_drivers = []


def drivers():
    """Of this worker process."""
    if not _drivers:
        _drivers[:] = [Driver(), Driver("sigv4")]
    return _drivers


def hosts(seed):
    """Every service in a region of each partition against botocore's resolver."""
    found, n = {}, 0
    driver = Driver()
    for name in loader.list_available_services("service-2"):
        for region, got, want in awssigned.compare_hosts(driver, name):
            n += 1
            if got != want:
                found.setdefault((name.replace("-", "_"), "*", "host"), "%s: got %s, want %s" % (region, got, want))
    driver.close()
    return 0, n, collections.Counter({"hosts": n}), found


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--service", default="")
    p.add_argument("--show", type=int, default=40)
    p.add_argument("--seed", default="1")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    o = p.parse_args()
    start = time.monotonic()
    listed = exceptions()
    names = o.service.split(",") if o.service else loader.list_available_services("service-2")
    tasks = []
    for name in names:
        n = len(service_model(name).operation_names)
        tasks += [(min(n - first, SLICE), name, first) for first in range(0, n, SLICE)]
    tasks.sort(key=lambda t: (-t[0], t[1:]))
    operations, inputs, kinds, found = 0, 0, collections.Counter(), {}
    with multiprocessing.Pool(o.jobs) as pool:
        rest = [pool.apply_async(hosts, (o.seed,))] if not o.service else []
        for n, m, k, f in pool.imap_unordered(piece, [(name, first, o.seed) for _, name, first in tasks]):
            operations, inputs = operations + n, inputs + m
            kinds.update(k)
            found.update(f)
        for r in rest:
            _, m, k, f = r.get()
            inputs += m
            kinds.update(k)
            found.update(f)
    report(o, listed, found, kinds, names)
    wrong = {k: v for k, v in found.items() if k not in listed}
    gone = [k for k in listed if k not in found and (not o.service or k[0] in [n.replace("-", "_") for n in names])]
    for key in sorted(wrong)[:o.show]:
        print("mismatch: %s.%s: %s: %s" % (key + (wrong[key],)))
    for key in gone:
        print("mismatch: %s.%s: %s: listed as an exception, but it does not occur" % key)
    print("%.0f s" % (time.monotonic() - start))
    print("operations %d, inputs %d, mismatches %d" % (operations, inputs, len(wrong) + len(gone)))
    return 1 if wrong or gone else 0


def report(o, listed, found, kinds, names):
    print(", ".join("%s %d" % (k, n) for k, n in sorted(kinds.items())))
    reasons = collections.defaultdict(list)
    for key, reason in listed.items():
        if key in found:
            reasons[key[2], reason].append("%s.%s" % key[:2])
    for (aspect, reason), where in sorted(reasons.items()):
        print("exception (%s, %d): %s: %s" % (aspect, len(where), reason, " ".join(sorted(where))))


if __name__ == "__main__":
    sys.exit(main())
