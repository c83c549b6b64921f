"""DynamoDB of the simulated account: what each step of ddb_script.py must give, and the same steps asked of dynalite (npm), an
independent DynamoDB, which must answer alike. Our own client speaks to dynalite too."""
# runs: sanitized
import concurrent.futures
import subprocess
import time
import urllib.error
import urllib.request

import ddb_script as d
from account import Account, refused
from awsdrive import Client
from npm import NODE, install
from pbtest import Skip, case, eq, free_port, has, main

account = Account()
ddb = account.client("dynamodb")
_state = {}


def dynalite():
    """The server's URL; started at the first use."""
    if "why" in _state:
        raise Skip(_state["why"])
    if "url" not in _state:
        try:
            install()
        except Skip as e:
            _state["why"] = str(e)
            raise
        port = free_port()
        _state["p"] = subprocess.Popen(["node", "node_modules/.bin/dynalite", "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"], cwd=NODE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _state["url"] = "http://127.0.0.1:%d" % port
        for _ in range(150):
            try:
                urllib.request.urlopen(_state["url"], timeout=1)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
    return _state["url"]


def fresh(client):
    client.create_table(**d.TABLE)
    client.get_waiter("table_exists").wait(TableName="tab", WaiterConfig={"Delay": 1, "MaxAttempts": 10})


# Wording that differs on purpose: dynalite words syntax errors after its own grammar, and has no transactions. AWS's own manual has
# REMOVE l[0], l[2] count places as they were before; dynalite counts the second after the first is gone.
def comparable(answer):
    if isinstance(answer, dict) and "Syntax error" in answer.get("message", ""):
        return {**answer, "message": answer["message"].split(";")[0]}
    if isinstance(answer, dict) and not answer.get("Attributes", True):
        return {}
    return answer


OTHERWISE = {"SET x = d + :s": "message", "pk = :p AND v = :p": "message", "pk = :p OR pk = :p": "message"}


@case("over a hundred steps answered as dynalite answers them")
def _():
    other = type("Other", (), {"url": dynalite()})
    theirs = Account.client(other, "dynamodb")
    fresh(ddb)
    fresh(theirs)
    compared = 0
    for op, kw in d.STEPS:
        text = kw.get("UpdateExpression") or kw.get("KeyConditionExpression") or ""
        if op == "transact_write_items" or kw.get("Key", {}).get("pk", {}).get("S", "").startswith("tx"):
            d.ask(ddb, (op, kw))
            continue
        if text == "REMOVE l[0], l[2]":  # the same end for both, from the back
            kw = {**kw, "UpdateExpression": "REMOVE l[2], l[0]"}
        a, b = comparable(d.ask(ddb, (op, kw))), comparable(d.ask(theirs, (op, kw)))
        if OTHERWISE.get(text) == "message":
            a.pop("message"), b.pop("message")
        eq(a, b, "%s %s" % (op, kw))
        compared += 1
    eq(compared > 100, True)


@case("transactions: all or nothing, with the reasons")
def _():
    if not ddb.list_tables()["TableNames"]:
        fresh(ddb)
    one = {"Put": {"TableName": "tab", "Item": d.item("t1"), "ConditionExpression": "attribute_not_exists(pk)"}}
    two = {"Update": {"TableName": "tab", "Key": d.key("t2"), "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": d.n(1)}}}
    ddb.transact_write_items(TransactItems=[one, two])
    with refused("TransactionCanceledException", 400, "[ConditionalCheckFailed, None]"):
        ddb.transact_write_items(TransactItems=[one, two])
    eq(ddb.get_item(TableName="tab", Key=d.key("t2"))["Item"]["n"], d.n(1))
    # AWS's manual: places are counted as they were before the update.
    ddb.put_item(TableName="tab", Item=d.item("places", l={"L": [d.n(k) for k in range(5)]}))
    eq(ddb.update_item(**d.upd("places", "REMOVE l[0], l[2]")[1])["Attributes"]["l"]["L"], [d.n(1), d.n(3), d.n(4)])


@case("many writers: a counter counts each, a lock has one holder")
def _():
    def work(n):
        mine = account.client("dynamodb")
        for _ in range(20):
            mine.update_item(**d.upd("counter", "ADD hits :one", {":one": d.n(1)}, ret="NONE")[1])
        try:
            mine.put_item(TableName="tab", Item=d.item("lock", holder=d.n(n)), ConditionExpression="attribute_not_exists(pk)")
            return 1
        except mine.exceptions.ConditionalCheckFailedException:
            return 0
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        eq(sum(pool.map(work, range(6))), 1)
    eq(ddb.get_item(TableName="tab", Key=d.key("counter"))["Item"]["hits"], d.n(120))


@case("pages of Query and Scan join to the whole, also when items go meanwhile")
def _():
    for k in range(12):
        ddb.put_item(TableName="tab", Item=d.item("paged", k))
    want = [str(k) for k in range(12)]
    ask = dict(TableName="tab", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": d.s("paged")})
    for size in (1, 5, 12, 100):
        pages = list(ddb.get_paginator("query").paginate(PaginationConfig={"PageSize": size}, **ask))
        eq([i["sk"]["N"] for p in pages for i in p["Items"]], want, "pages of %d" % size)
    every = [i for p in ddb.get_paginator("scan").paginate(TableName="tab", PaginationConfig={"PageSize": 7}) for i in p["Items"]]
    eq(sorted(int(i["sk"]["N"]) for i in every if i["pk"]["S"] == "paged"), list(range(12)))
    seen = []
    for page in ddb.get_paginator("query").paginate(PaginationConfig={"PageSize": 2}, **ask):
        for i in page["Items"]:
            seen.append(i["sk"]["N"])
            ddb.delete_item(TableName="tab", Key=d.key("paged", i["sk"]["N"]))
    eq(seen, want)
    none = list(ddb.get_paginator("scan").paginate(TableName="tab", FilterExpression="pk = :p", ExpressionAttributeValues={":p": d.s("nobody")}, PaginationConfig={"PageSize": 2}))
    eq((sum(p["Count"] for p in none), len(none) > 2), (0, True))
    with refused("ValidationException", 400, "starting key"):
        ddb.query(ExclusiveStartKey={"pk": d.s("x")}, **ask)


@case("tables: made, listed in pages, described, deleted; what is refused")
def _():
    plain = dict(KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    for n in range(5):
        eq(ddb.create_table(TableName="many-%d" % n, **plain)["TableDescription"]["TableStatus"], "CREATING")
    with refused("ResourceInUseException", 400, "many-0"):
        ddb.create_table(TableName="many-0", **plain)
    eq([t for p in ddb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2}) for t in p["TableNames"]], ["many-%d" % n for n in range(5)] + ["tab"])
    ddb.put_item(TableName="many-1", Item={"k": d.s("x")})
    got = ddb.describe_table(TableName="many-1")["Table"]
    eq((got["ItemCount"], got["TableStatus"], got["BillingModeSummary"]["BillingMode"], got["TableArn"]), (1, "ACTIVE", "PAY_PER_REQUEST", "arn:aws:dynamodb:us-east-1:123456789012:table/many-1"))
    ddb.delete_table(TableName="many-1")
    with refused("ResourceNotFoundException", 400, "many-1"):
        ddb.describe_table(TableName="many-1")
    with refused("ValidationException", 400, "AttributeDefinitions"):
        ddb.create_table(TableName="bad", **{**plain, "AttributeDefinitions": []})
    with refused("NotImplemented", 501, "AttributeUpdates"):
        ddb.update_item(TableName="many-2", Key={"k": d.s("x")}, AttributeUpdates={"a": {"Value": d.n(1)}})
    with refused("ValidationException", 400, "size"):
        ddb.put_item(TableName="many-2", Item={"k": d.s("x"), "v": d.s("x" * 410000)})
    deep = "NOT " * 5000 + "a = :v"
    eq(d.ask(ddb, ("put_item", dict(TableName="many-2", Item={"k": d.s("y")}, ConditionExpression=deep, ExpressionAttributeValues={":v": d.n(1)})))["error"], "ConditionalCheckFailedException")
    with refused("ValidationException", 400, "nesting"):
        ddb.put_item(TableName="many-2", Item={"k": d.s("y")}, ConditionExpression="(" * 3000 + "a = :v" + ")" * 3000, ExpressionAttributeValues={":v": d.n(1)})


@case("our own client and dynalite understand each other")
def _():
    c = Client(dynalite(), AWS_REGION="us-east-1")
    table = {k: v for k, v in d.TABLE.items() if k != "GlobalSecondaryIndexes"}
    eq(c.ok("dynamodb.CreateTable", **{**table, "TableName": "ours", "AttributeDefinitions": table["AttributeDefinitions"][:2]})["TableDescription"]["TableName"], "ours")
    for _ in range(50):
        if c.ok("dynamodb.DescribeTable", TableName="ours")["Table"]["TableStatus"] == "ACTIVE":
            break
        time.sleep(0.1)
    item = {**d.key("ü\n\"x\""), "list": {"L": [{"N": "1"}, {"BOOL": False}, {"NULL": True}]}, "set": {"SS": ["a", "b"]}}
    eq(c.ok("dynamodb.PutItem", TableName="ours", Item=item, ConditionExpression="attribute_not_exists(pk)"), {})
    o = c.call("dynamodb.PutItem", TableName="ours", Item=item, ConditionExpression="attribute_not_exists(pk)")
    eq((o["ok"], o["code"]), (False, "ConditionalCheckFailedException"))
    eq(c.ok("dynamodb.GetItem", TableName="ours", Key=d.key("ü\n\"x\""))["Item"], item)
    eq(c.ok("dynamodb.UpdateItem", TableName="ours", Key=d.key("n"), UpdateExpression="ADD hits :n", ExpressionAttributeValues={":n": {"N": "12"}}, ReturnValues="ALL_NEW")["Attributes"]["hits"], {"N": "12"})
    eq(c.ok("dynamodb.Query", TableName="ours", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "n"}})["Count"], 1)
    c.close()


@case("it is still there, and ends when told to")
def _():
    has(account.url, "127.0.0.1")
    account.alive()
    eq(account.stop(), 0)
    if "p" in _state:
        _state["p"].terminate()
        _state["p"].wait(10)


main()
