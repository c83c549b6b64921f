"""What a DynamoDB is asked in the tests, of whichever server: each step's answer, or the error, in a form to compare."""
from botocore.exceptions import ClientError

TABLE = dict(TableName="tab", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
             AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}, {"AttributeName": "g", "AttributeType": "S"}],
             GlobalSecondaryIndexes=[{"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}], "Projection": {"ProjectionType": "ALL"},
                                      "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}],
             ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})


def key(pk, sk=1):
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}}


def item(pk, sk=1, **more):
    return {**key(pk, sk), **more}


def n(v):
    return {"N": str(v)}


def s(v):
    return {"S": v}


def upd(pk, expression, values=None, names=None, ret="ALL_NEW", **more):
    kw = dict(TableName="tab", Key=key(pk), UpdateExpression=expression, ReturnValues=ret, **more)
    if values:
        kw["ExpressionAttributeValues"] = values
    if names:
        kw["ExpressionAttributeNames"] = names
    return ("update_item", kw)


def query(expression, values, names=None, **more):
    kw = dict(TableName="tab", KeyConditionExpression=expression, ExpressionAttributeValues=values, **more)
    if names:
        kw["ExpressionAttributeNames"] = names
    return ("query", kw)


def put(it, **more):
    return ("put_item", dict(TableName="tab", Item=it, **more))


def get(pk, sk=1, **more):
    return ("get_item", dict(TableName="tab", Key=key(pk, sk), **more))


def cond(expression, values=None, names=None):
    """A put on a full item that goes through or not."""
    kw = dict(ConditionExpression=expression, ReturnValues="ALL_OLD")
    if values:
        kw["ExpressionAttributeValues"] = values
    if names:
        kw["ExpressionAttributeNames"] = names
    return put(FULL, **kw)


FULL = item("full", a=s("text"), b=n("10"), c={"BOOL": True}, d={"NULL": True}, e={"B": b"\x00\xff\x10"}, f={"SS": ["x", "y"]}, h={"NS": ["1", "2.50"]}, i={"L": [n(1), s("two"), {"M": {"x": n(3)}}]},
            j={"M": {"k": s("v"), "deep": {"M": {"l": {"L": [n(1), n(2)]}}}}}, bs={"BS": [b"1", b"2"]})

STEPS = [
    ("describe_table", dict(TableName="none")),
    get("none"), put(FULL), get("full"),
    put(item("full", a=s("new")), ConditionExpression="attribute_not_exists(pk)"),
    put(item("once"), ConditionExpression="attribute_not_exists(pk)"),
    put(item("once"), ConditionExpression="attribute_not_exists(pk)"),
    put({"pk": s("x")}), put({"pk": s("x"), "sk": s("1")}), put(item("")), put({**key("x"), "a": {"N": "ten"}}), put({**key("x"), "a": {"SS": []}}), put({**key("x"), "a": {"NS": ["1", "1.0"]}}),
    ("get_item", dict(TableName="tab", Key={"pk": s("x")})), ("get_item", dict(TableName="nope", Key={"pk": s("x")})),
    ("get_item", dict(TableName="tab", Key={**key("x"), "more": s("y")})),
    put(item("num", a=n("007"), b=n("1e3"), c=n("-0.50"), d=n("12345678901234567890123456789012345678"), e=n("0.00"), f=n("1.5E-3"), g2=n("-1E2"))), get("num"),
    put(item("num2", a=n("123456789012345678901234567890123456789"))), put(item("num2", a=n("1e200"))), put(item("num2", a=n("1e-200"))),
    # Conditions.
    cond("a = :v", {":v": s("text")}), cond("a = :v", {":v": s("other")}), cond("a <> :v", {":v": s("text")}), cond("nope <> :v", {":v": s("text")}), cond("b > :v", {":v": n("9.5")}), cond("b > :v", {":v": s("9")}),
    cond("b BETWEEN :l AND :h", {":l": n(10), ":h": n(11)}), cond("b IN (:l, :h)", {":l": n(1), ":h": n("10.0")}), cond("attribute_exists(j.deep.l[1])"), cond("attribute_exists(j.deep.l[2])"),
    cond("j.#k = :v AND NOT attribute_exists(zz)", {":v": s("v")}, {"#k": "k"}), cond("attribute_type(i, :t)", {":t": s("L")}), cond("begins_with(a, :p)", {":p": s("te")}), cond("begins_with(a, :p)", {":p": s("x")}),
    cond("contains(f, :x)", {":x": s("x")}), cond("contains(a, :x)", {":x": s("ex")}), cond("contains(i, :x)", {":x": n(1)}), cond("contains(h, :x)", {":x": n("2.5")}), cond("size(a) = :n", {":n": n(4)}), cond("size(e) < :n", {":n": n(4)}),
    cond("size(i) >= :n AND (c = :t OR d = :t)", {":n": n(3), ":t": {"BOOL": True}}), cond("a = :v OR b = :w AND c = :x", {":v": s("text"), ":w": n(0), ":x": n(0)}), cond("(a = :v OR b = :w) AND c = :x", {":v": s("text"), ":w": n(0), ":x": n(0)}),
    cond("not a = :v", {":v": s("text")}), cond("e = :b", {":b": {"B": b"\x00\xff\x10"}}), cond("e < :b", {":b": {"B": b"\x01"}}), cond("bs = :b", {":b": {"BS": [b"1", b"2"]}}), cond("i[2].x = :n", {":n": n(3)}),
    cond("a = :v", {":v": s("text"), ":unused": n(1)}), cond("a = :missing", {":v": s("x")}), cond("#a = :v", {":v": s("text")}), cond("a = "), cond("a == :v", {":v": s("x")}), cond("a = :v b", {":v": s("text")}), cond("(a = :v", {":v": s("text")}), cond("magic(a)"),
    # Updates.
    upd("u", "SET a = :a, b = :b", {":a": s("x"), ":b": n(1)}), upd("u", "SET b = b + :i", {":i": n("0.1")}), upd("u", "SET b = b - :i", {":i": n("99999999999999999999")}, ret="UPDATED_NEW"),
    upd("u", "SET c = if_not_exists(c, :z), d = if_not_exists(a, :z)", {":z": n(0)}), upd("u", "SET l = :l", {":l": {"L": [n(1), n(2), n(3)]}}, ret="UPDATED_OLD"), upd("u", "SET l = list_append(l, :l)", {":l": {"L": [n(4)]}}),
    upd("u", "SET l[1] = :v, l[9] = :w", {":v": s("mid"), ":w": s("end")}), upd("u", "REMOVE l[0], l[2]"), upd("u", "REMOVE a, nothing"), upd("u", "ADD b :n, tags :s", {":n": n(5), ":s": {"SS": ["a", "b"]}}),
    upd("u", "ADD tags :s DELETE gone :t", {":s": {"SS": ["b", "c"]}, ":t": {"SS": ["q"]}}), upd("u", "DELETE tags :s", {":s": {"SS": ["a", "b", "c"]}}), upd("u", "SET m = :m", {":m": {"M": {"x": n(1)}}}), upd("u", "SET m.y = :v, m.#z = :v", {":v": s("in")}, {"#z": "z"}),
    upd("u", "REMOVE m.x"), upd("u", "SET nope.y = :v", {":v": s("in")}), upd("u", "SET pk = :v", {":v": s("in")}), upd("u", "SET x = y", None), upd("u", "SET x = d + :s", {":s": s("no")}), upd("u", "SET a = :v SET b = :v", {":v": n(1)}), upd("u", "FROB a"), upd("u", "SET a = :v,", {":v": n(1)}),
    upd("u", "SET v = :new", {":new": n(2), ":old": n(1)}, ConditionExpression="v = :old"), upd("u", "SET v = :new", {":new": n(1)}, ret="NONE"), upd("u", "SET v = :new", {":new": n(2), ":old": n(1)}, ConditionExpression="v = :old", ret="UPDATED_NEW"),
    upd("u", "SET v = :new", {":new": n(2)}, ret="ALL_OLD"), ("update_item", dict(TableName="tab", Key=key("made"), ReturnValues="ALL_NEW")),
    # Deletes.
    ("delete_item", dict(TableName="tab", Key=key("once"), ReturnValues="ALL_OLD", ConditionExpression="attribute_exists(a)")), ("delete_item", dict(TableName="tab", Key=key("once"), ReturnValues="ALL_OLD")), ("delete_item", dict(TableName="tab", Key=key("once"))),
    # Many.
    ("batch_write_item", dict(RequestItems={"tab": [{"PutRequest": {"Item": item("many", k, g=s("even" if k % 2 == 0 else "odd"), v=n(k * k))}} for k in (3, -1, 20, 100, 0.5, 7, 8, 9)]})),
    query("pk = :p", {":p": s("many")}), query("pk = :p", {":p": s("many")}, ScanIndexForward=False, Limit=3), query("pk = :p AND sk > :n", {":p": s("many"), ":n": n(7)}), query("pk = :p AND sk BETWEEN :a AND :b", {":p": s("many"), ":a": n(0), ":b": n(8)}),
    query("pk = :p", {":p": s("many"), ":v": n(50)}, FilterExpression="v > :v", Limit=5), query("pk = :p", {":p": s("many")}, ProjectionExpression="sk, #v", names={"#v": "v"}), query("#p = :p", {":p": s("many")}, names={"#p": "pk"}, Select="COUNT"),
    query("pk = :p", {":p": s("many")}, ExclusiveStartKey=key("many", 7), Limit=2), query("g = :g", {":g": s("even")}, IndexName="by-g"), query("g = :g AND sk < :n", {":g": s("odd"), ":n": n(10)}, IndexName="by-g", ScanIndexForward=False),
    query("sk = :n", {":n": n(1)}), query("pk > :p", {":p": s("many")}), query("pk = :p AND v = :p", {":p": s("many")}), query("pk = :p OR pk = :p", {":p": s("many")}), query("pk = :p", {":p": s("nobody")}), query("pk = :p", {":p": s("x")}, IndexName="nope"),
    ("batch_get_item", dict(RequestItems={"tab": {"Keys": [key("many", 3), key("none")], "ProjectionExpression": "sk"}})),
    get("full", ProjectionExpression="j.deep.l[1], i[0], a"), get("full", ProjectionExpression="nothing"),
    ("transact_write_items", dict(TransactItems=[{"Put": {"TableName": "tab", "Item": item("tx"), "ConditionExpression": "attribute_not_exists(pk)"}}, {"Update": {"TableName": "tab", "Key": key("tx2"), "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": n(1)}}}])),
    ("transact_write_items", dict(TransactItems=[{"Put": {"TableName": "tab", "Item": item("tx3")}}, {"ConditionCheck": {"TableName": "tab", "Key": key("tx"), "ConditionExpression": "attribute_not_exists(pk)"}}])),
    get("tx"), get("tx2"), get("tx3"),
]


def canonical(v):
    """Sets have no order; neither do the items of a scan."""
    if isinstance(v, dict):
        return {k: sorted(x) if k in ("SS", "NS", "BS") else canonical(x) for k, x in v.items() if k not in ("ResponseMetadata", "ConsumedCapacity")}
    return [canonical(x) for x in v] if isinstance(v, list) else v


def ask(client, step):
    op, kw = step
    try:
        return canonical(getattr(client, op)(**kw))
    except ClientError as e:
        return {"error": e.response["Error"]["Code"], "status": e.response["ResponseMetadata"]["HTTPStatusCode"], "message": e.response["Error"].get("Message", "")}
