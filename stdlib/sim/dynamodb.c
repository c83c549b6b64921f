/*
 * dynamodb.c - tables and items: what a store of locks, journals and switches needs.
 *
 * An item is kept under its table and a text made of its key. Query and Scan look at a table's items one by one: right
 * for any table, quick for small ones. Conditions, updates, filters and projections are in dynamodb_expr.c; the older
 * parameters that expressions replaced (Expected, AttributeUpdates, ...) are refused by name. Reads always see the last
 * write. A page ends after PAGE_ITEMS items, not after 1 MB.
 */
#include "stdlib/sim/dynamodb.h"

static const pb_str TOP = {"", 0};
enum { PAGE_ITEMS = 1000, BATCH_WRITE_MAX = 25, BATCH_GET_MAX = 100, ITEM_MAX = 400 * 1024, TRANSACT_MAX = 100 };

/* ---- tables ---- */

static pb_value no_table(sim_call *c) {
    return sim_fail(c, 400, "ResourceNotFoundException", "Requested resource not found");
}

static pb_value table_named(sim_call *c, pb_str name) {
    const char *slash = str_starts(name, "arn:") ? memchr(name.s, '/', name.n) : NULL;
    if (slash) name = (pb_str){slash + 1, (uint32_t)(name.s + name.n - slash - 1)};
    pb_value t = sim_get(c, K_TABLE, TOP, name);
    return is_set(t) ? t : no_table(c);
}

static pb_value table(sim_call *c) { return table_named(c, get_text(c->in, "TableName")); }

/* The name of the key of this type in a schema; empty: there is none. */
static pb_str key_name(pb_value owner, const char *type) {
    pb_value schema = pb_get_c(owner, "KeySchema");
    EACH(k, schema) if (pb_str_is(get_text(*k, "KeyType"), type)) return get_text(*k, "AttributeName");
    return TOP;
}
static pb_str hash_of(pb_value owner) { return key_name(owner, "HASH"); }
static pb_str range_of(pb_value owner) { return key_name(owner, "RANGE"); }

static pb_str type_of_key(pb_value t, pb_str name) {
    pb_value all = pb_get_c(t, "AttributeDefinitions");
    EACH(a, all) if (pb_str_eq(get_text(*a, "AttributeName"), name)) return get_text(*a, "AttributeType");
    return TOP;
}

static void check_schema(sim_call *c, pb_value owner) {
    pb_value schema = pb_get_c(owner, "KeySchema");
    if (schema.n < 1 || schema.n > 2 || !pb_str_is(get_text(schema.u.items[0], "KeyType"), "HASH") ||
        (schema.n == 2 && !pb_str_is(get_text(schema.u.items[1], "KeyType"), "RANGE"))) {
        ddb_fail(c, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
        return;
    }
    EACH(k, schema)
    if (!type_of_key(c->in, get_text(*k, "AttributeName")).n)
        ddb_fail(c,
                 "One or more parameter values were invalid: Some index key attributes are not defined in "
                 "AttributeDefinitions. Keys: [%.*s]",
                 PB_ARG(get_text(*k, "AttributeName")));
}

static pb_value throughput(sim_call *c) {
    pb_value given = pb_get_c(c->in, "ProvisionedThroughput");
    return MAP(c, {"NumberOfDecreasesToday", pb_int(0)},
               {"ReadCapacityUnits", or_else(pb_get_c(given, "ReadCapacityUnits"), pb_int(0))},
               {"WriteCapacityUnits", or_else(pb_get_c(given, "WriteCapacityUnits"), pb_int(0))});
}

static pb_value indexes(sim_call *c, const char *member) {
    pb_value given = pb_get_c(c->in, member);
    sim_items all = {0};
    EACH(i, given) {
        check_schema(c, *i);
        items_add(c, &all, sim_with(c, *i, "IndexStatus", pb_string_c("ACTIVE")));
    }
    return given.n ? items_list(c, &all) : PB_NONE_VALUE;
}

static pb_value create_table(sim_call *c) {
    pb_str name = get_text(c->in, "TableName");
    bool on_demand = pb_str_is(get_text(c->in, "BillingMode"), "PAY_PER_REQUEST");
    if (is_set(sim_get(c, K_TABLE, TOP, name)))
        return sim_fail(c, 400, "ResourceInUseException", "Table already exists: %.*s", PB_ARG(name));
    if (!on_demand && !is_set(pb_get_c(c->in, "ProvisionedThroughput")))
        return ddb_fail(c, "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must "
                           "both be specified when BillingMode is PROVISIONED");
    check_schema(c, c->in);
    pb_value mode =
        MAP(c, {"BillingMode", pb_string_c("PAY_PER_REQUEST")}, {"LastUpdateToPayPerRequestDateTime", pb_time(c->now)});
    pb_value t = MAP(c, {"TableName", pb_string(name)}, {"TableStatus", pb_string_c("ACTIVE")},
                     {"AttributeDefinitions", pb_get_c(c->in, "AttributeDefinitions")},
                     {"KeySchema", pb_get_c(c->in, "KeySchema")}, {"CreationDateTime", pb_time(c->now)},
                     {"TableArn", sim_arn(c, "dynamodb", "table/", name)}, {"TableId", pb_string(sim_uuid(c, "table"))},
                     {"ProvisionedThroughput", throughput(c)}, {"BillingModeSummary", on_demand ? mode : PB_NONE_VALUE},
                     {"DeletionProtectionEnabled", pb_get_c(c->in, "DeletionProtectionEnabled")},
                     {"GlobalSecondaryIndexes", indexes(c, "GlobalSecondaryIndexes")},
                     {"LocalSecondaryIndexes", indexes(c, "LocalSecondaryIndexes")});
    if (c->failed) return PB_NONE_VALUE;
    sim_put(c, K_TABLE, TOP, name, t);
    t = sim_merge(
        c, t,
        MAP(c, {"TableStatus", pb_string_c("CREATING")}, {"ItemCount", pb_int(0)}, {"TableSizeBytes", pb_int(0)}));
    return MAP(c, {"TableDescription", t});
}

static pb_value counted(sim_call *c, pb_value t) {
    pb_value items = sim_list_of(c, K_ITEM, get_text(t, "TableName"));
    int64_t bytes = 0;
    EACH(i, items) bytes += pb_json_text(c->arena, *i).n;
    return sim_merge(c, t, MAP(c, {"ItemCount", pb_int(items.n)}, {"TableSizeBytes", pb_int(bytes)}));
}

static pb_value describe_table(sim_call *c) {
    pb_value t = table(c);
    if (c->failed) { /* the one operation that names what it misses */
        c->err.message = pb_printf(c->arena, "Requested resource not found: Table: %.*s not found",
                                   PB_ARG(get_text(c->in, "TableName")));
        return PB_NONE_VALUE;
    }
    return MAP(c, {"Table", counted(c, t)});
}

static pb_value delete_table(sim_call *c) {
    pb_value t = table(c);
    pb_str name = get_text(t, "TableName");
    if (get_bool(t, "DeletionProtectionEnabled"))
        return ddb_fail(c, "Resource cannot be deleted as it is currently protected against deletion.");
    if (c->failed) return PB_NONE_VALUE;
    sim_delete_all(c, K_ITEM, name);
    sim_delete(c, K_TABLE, TOP, name);
    return MAP(c, {"TableDescription", sim_with(c, t, "TableStatus", pb_string_c("DELETING"))});
}

/* Its token is the name that came last. */
static pb_value list_tables(sim_call *c) {
    pb_value all = sim_list_sorted(c, K_TABLE, NULL), after = pb_get_c(c->in, "ExclusiveStartTableName");
    int64_t limit = get_int(c->in, "Limit", 100), page = c->sim->trouble.page_size;
    if (page && page < limit) limit = page;
    sim_items names = {0};
    EACH(t, all) {
        pb_value name = pb_get_c(*t, "TableName");
        int order = 1;
        if (is_set(after)) ddb_compare(MAP(c, {"S", name}), MAP(c, {"S", after}), &order);
        if (order <= 0) continue;
        if (names.n == limit)
            return MAP(c, {"TableNames", items_list(c, &names)}, {"LastEvaluatedTableName", names.v[names.n - 1]});
        items_add(c, &names, name);
    }
    return MAP(c, {"TableNames", items_list(c, &names)});
}

/* ---- keys ---- */

static void check_key(sim_call *c, pb_value t, pb_value item, pb_str name) {
    pb_value v = pb_get(item, name);
    pb_str type = type_of_key(t, name);
    if (!name.n || c->failed) return;
    if (!is_set(v))
        ddb_fail(c, "One or more parameter values were invalid: Missing the key %.*s in the item", PB_ARG(name));
    else if (!pb_str_eq(ddb_type(v), type))
        ddb_fail(c, "One or more parameter values were invalid: Type mismatch for key %.*s expected: %.*s actual: %.*s",
                 PB_ARG(name), PB_ARG(type), PB_ARG(ddb_type(v)));
    else if (ddb_inner(v).kind == PB_STRING && !ddb_inner(v).n)
        ddb_fail(c,
                 "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                 "an empty string value. Key: %.*s",
                 PB_ARG(name));
}

/* The key as a text; of an item, or of a Key, which must have nothing else. */
static pb_str id_of(sim_call *c, pb_value t, pb_value item, bool alone) {
    pb_str hash = hash_of(t), range = range_of(t);
    if (alone) {
        bool fits = item.n == (range.n ? 2U : 1U) && is_set(pb_get(item, hash)) &&
                    pb_str_eq(ddb_type(pb_get(item, hash)), type_of_key(t, hash)) &&
                    (!range.n || pb_str_eq(ddb_type(pb_get(item, range)), type_of_key(t, range)));
        if (!c->failed && !fits) ddb_fail(c, "The provided key element does not match the schema");
    }
    check_key(c, t, item, hash);
    check_key(c, t, item, range);
    if (c->failed) return TOP;
    sim_items parts = {0};
    items_add(c, &parts, ddb_inner(pb_get(item, hash)));
    if (range.n) items_add(c, &parts, ddb_inner(pb_get(item, range)));
    return pb_json_text(c->arena, items_list(c, &parts));
}

static pb_value key_of(sim_call *c, pb_value t, pb_value item) {
    pb_map_builder b = {.arena = c->arena};
    pb_str hash = hash_of(t), range = range_of(t);
    pb_map_add(&b, hash, pb_get(item, hash));
    if (range.n) pb_map_add(&b, range, pb_get(item, range));
    return pb_map_done(&b);
}

/* ---- one item ---- */

static bool modern(sim_call *c) {
    static const char *const old[] = {"Expected",    "AttributeUpdates", "ConditionalOperator", "KeyConditions",
                                      "QueryFilter", "ScanFilter",       "AttributesToGet"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (is_set(pb_get_c(c->in, old[i])))
            sim_fail(c, 501, "NotImplemented",
                     "the simulated account takes expressions, not the older parameter %s that they replaced", old[i]);
    return !c->failed;
}

/* An operation on one item: its table, names, key and the item as it is. The input may be a part of a transaction. */
typedef struct place {
    pb_value table, old;
    pb_str name, id;
    ddb_names names;
} place;

static bool place_find(sim_call *c, place *p, pb_value key, bool alone) {
    p->table = modern(c) ? table(c) : PB_NONE_VALUE;
    if (c->failed) return false;
    p->name = get_text(p->table, "TableName");
    ddb_names_read(c, &p->names);
    p->id = id_of(c, p->table, key, alone);
    if (c->failed) return false;
    p->old = sim_get(c, K_ITEM, p->name, p->id);
    return !c->failed;
}

static bool condition_holds(sim_call *c, place *p) {
    bool ok = ddb_condition(c, &p->names, "ConditionExpression", p->old);
    if (!c->failed && !ok) sim_fail(c, 400, "ConditionalCheckFailedException", "The conditional request failed");
    return !c->failed;
}

static void item_put(sim_call *c, const place *p, pb_value item) {
    pb_str text = pb_json_text(c->arena, item);
    if (text.n > ITEM_MAX) ddb_fail(c, "Item size has exceeded the maximum allowed size");
    if (!c->failed) sim_put(c, K_ITEM, p->name, p->id, item);
}

static pb_value old_if_asked(sim_call *c, const place *p) {
    return pb_str_is(get_text(c->in, "ReturnValues"), "ALL_OLD") && is_set(p->old) ? MAP(c, {"Attributes", p->old})
                                                                                   : MAP(c, {NULL, PB_NONE_VALUE});
}

static pb_value put_item(sim_call *c) {
    place p;
    pb_value item = ddb_normal_item(c, pb_get_c(c->in, "Item"));
    if (c->failed || !place_find(c, &p, item, false) || !condition_holds(c, &p)) return PB_NONE_VALUE;
    ddb_names_check(c, &p.names);
    item_put(c, &p, item);
    return old_if_asked(c, &p);
}

static pb_value get_item(sim_call *c) {
    place p;
    pb_value key = ddb_normal_item(c, pb_get_c(c->in, "Key"));
    if (c->failed || !place_find(c, &p, key, true)) return PB_NONE_VALUE;
    pb_value shown = ddb_project(c, &p.names, p.old);
    ddb_names_check(c, &p.names);
    return MAP(c, {"Item", is_set(p.old) ? shown : PB_NONE_VALUE});
}

static pb_value delete_item(sim_call *c) {
    place p;
    pb_value key = ddb_normal_item(c, pb_get_c(c->in, "Key"));
    if (c->failed || !place_find(c, &p, key, true) || !condition_holds(c, &p)) return PB_NONE_VALUE;
    ddb_names_check(c, &p.names);
    sim_delete(c, K_ITEM, p.name, p.id);
    return old_if_asked(c, &p);
}

/* Those of an item's attributes that an update spoke of. */
static pb_value touched_of(sim_call *c, pb_value item, pb_value touched) {
    pb_map_builder b = {.arena = c->arena};
    for (uint32_t i = 0; touched.kind == PB_MAP && i < touched.n; i++) {
        pb_value v = pb_get(item, touched.u.entries[i].key);
        if (is_set(v)) pb_map_add(&b, touched.u.entries[i].key, v);
    }
    return pb_map_done(&b);
}

static pb_value updated_answer(sim_call *c, const place *p, pb_value now, pb_value touched) {
    pb_str how = get_text(c->in, "ReturnValues");
    pb_value v = pb_str_is(how, "ALL_OLD")       ? p->old
                 : pb_str_is(how, "ALL_NEW")     ? now
                 : pb_str_is(how, "UPDATED_OLD") ? touched_of(c, p->old, touched)
                 : pb_str_is(how, "UPDATED_NEW") ? touched_of(c, now, touched)
                                                 : PB_NONE_VALUE;
    return is_set(v) && v.n ? MAP(c, {"Attributes", v}) : MAP(c, {NULL, PB_NONE_VALUE});
}

static pb_value update_item(sim_call *c) {
    place p;
    pb_value key = ddb_normal_item(c, pb_get_c(c->in, "Key")), touched = PB_NONE_VALUE;
    if (c->failed || !place_find(c, &p, key, true) || !condition_holds(c, &p)) return PB_NONE_VALUE;
    pb_value now = ddb_update(c, &p.names, or_else(p.old, key), hash_of(p.table), range_of(p.table), &touched);
    ddb_names_check(c, &p.names);
    item_put(c, &p, now);
    return c->failed ? PB_NONE_VALUE : updated_answer(c, &p, now, touched);
}

/* ---- many items ---- */

typedef struct reading {
    place p;        /* table and names; no item */
    pb_value owner; /* the table or the index that is read */
    pb_value start;
    bool query, back;
    sim_items all; /* in the order of reading */
} reading;

static pb_value index_named(sim_call *c, pb_value t, pb_str name) {
    static const char *const members[] = {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"};
    for (size_t m = 0; m < 2; m++) {
        pb_value all = pb_get_c(t, members[m]);
        EACH(i, all) if (pb_str_eq(get_text(*i, "IndexName"), name)) return *i;
    }
    return ddb_fail(c, "The table does not have the specified index: %.*s", PB_ARG(name));
}

/* By the range key of what is read, then by the table's own key. */
static int items_order(sim_call *c, const reading *r, pb_value a, pb_value b) {
    pb_str range = range_of(r->owner);
    int order = 0;
    if (r->query && range.n) ddb_compare(pb_get(a, range), pb_get(b, range), &order);
    if (!order) {
        pb_value x = MAP(c, {"S", pb_string(id_of(c, r->p.table, a, false))}),
                 y = MAP(c, {"S", pb_string(id_of(c, r->p.table, b, false))});
        ddb_compare(x, y, &order);
    }
    return r->back ? -order : order;
}

/* Merge sort, from the bottom up: no recursion, and no comparison that needs a global. */
static void items_sort(sim_call *c, const reading *r, sim_items *l) {
    pb_value *other = pb_alloc_array(c->arena, (size_t)l->n + 1, sizeof *other);
    if (!other) return;
    for (uint32_t width = 1; width < l->n; width *= 2) {
        for (uint32_t from = 0; from < l->n; from += 2 * width) {
            uint32_t middle = from + width < l->n ? from + width : l->n,
                     end = from + 2 * width < l->n ? from + 2 * width : l->n, i = from, j = middle;
            for (uint32_t k = from; k < end; k++)
                other[k] = i < middle && (j == end || items_order(c, r, l->v[i], l->v[j]) <= 0) ? l->v[i++] : l->v[j++];
        }
        memcpy(l->v, other, l->n * sizeof *other);
    }
}

static bool in_index(const reading *r, pb_value item) {
    pb_str hash = hash_of(r->owner), range = range_of(r->owner);
    return is_set(pb_get(item, hash)) && (!range.n || is_set(pb_get(item, range)));
}

static bool reading_open(sim_call *c, reading *r, bool query) {
    pb_value start = pb_get_c(c->in, "ExclusiveStartKey"), index = pb_get_c(c->in, "IndexName"),
             forward = pb_get_c(c->in, "ScanIndexForward");
    *r = (reading){.query = query, .back = query && is_set(forward) && !forward.u.b};
    r->p.table = modern(c) ? table(c) : PB_NONE_VALUE;
    if (c->failed) return false;
    r->p.name = get_text(r->p.table, "TableName");
    r->owner = is_set(index) ? index_named(c, r->p.table, pb_text(index)) : r->p.table;
    ddb_names_read(c, &r->p.names);
    if (is_set(start)) r->start = ddb_normal_item(c, start);
    if (is_set(start) && !c->failed) id_of(c, r->p.table, r->start, !is_set(index));
    if (c->failed) {
        if (is_set(start)) c->err.message = PB_STR("The provided starting key is invalid");
        return false;
    }
    pb_str hash = hash_of(r->owner), range = range_of(r->owner);
    /* The expressions are looked at even when there is nothing to read. */
    if (query) ddb_key_condition(c, &r->p.names, PB_NONE_VALUE, hash, range);
    pb_value all = c->failed ? PB_NONE_VALUE : sim_list_sorted(c, K_ITEM, &r->p.name);
    EACH(i, all)
    if (in_index(r, *i) && (!query || ddb_key_condition(c, &r->p.names, *i, hash, range))) items_add(c, &r->all, *i);
    if (!c->failed) items_sort(c, r, &r->all);
    return !c->failed;
}

static pb_value last_key(sim_call *c, const reading *r, pb_value item) {
    pb_value key = key_of(c, r->p.table, item);
    return sim_merge(c, key_of(c, r->owner, item), key);
}

/* An index holds the keys, and of the other attributes those it was made to hold. */
static pb_value projected(sim_call *c, const reading *r, pb_value item) {
    pb_value p = pb_get_c(r->owner, "Projection"), more = pb_get_c(p, "NonKeyAttributes");
    pb_str type = get_text(p, "ProjectionType");
    if (!type.n || pb_str_is(type, "ALL")) return item;
    pb_map_builder b = {.arena = c->arena};
    pb_value keys = last_key(c, r, item);
    EACH(name, more)
    if (is_set(pb_get(item, pb_text(*name)))) pb_map_add(&b, pb_text(*name), pb_get(item, pb_text(*name)));
    return sim_merge(c, pb_map_done(&b), keys);
}

static pb_value read_page(sim_call *c, reading *r) {
    int64_t limit = get_int(c->in, "Limit", PAGE_ITEMS), page = c->sim->trouble.page_size, seen = 0;
    bool count_only = pb_str_is(get_text(c->in, "Select"), "COUNT");
    sim_items found = {0};
    pb_value last = PB_NONE_VALUE;
    if (page && page < limit) limit = page;
    ddb_condition(c, &r->p.names, "FilterExpression", PB_NONE_VALUE);
    ddb_project(c, &r->p.names, PB_NONE_VALUE);
    ddb_names_check(c, &r->p.names);
    for (uint32_t i = 0; i < r->all.n && !c->failed; i++) {
        pb_value item = r->all.v[i];
        if (is_set(r->start) && items_order(c, r, item, r->start) <= 0) continue;
        if (seen == limit) break;
        seen++;
        last = seen == limit ? last_key(c, r, item) : PB_NONE_VALUE;
        item = projected(c, r, item);
        if (ddb_condition(c, &r->p.names, "FilterExpression", item))
            items_add(c, &found, ddb_project(c, &r->p.names, item));
    }
    return MAP(c, {"Items", count_only ? PB_NONE_VALUE : items_list(c, &found)}, {"Count", pb_int(found.n)},
               {"ScannedCount", pb_int(seen)}, {"LastEvaluatedKey", last});
}

static pb_value query(sim_call *c) {
    reading r;
    return reading_open(c, &r, true) ? read_page(c, &r) : PB_NONE_VALUE;
}

static pb_value scan(sim_call *c) {
    reading r;
    return reading_open(c, &r, false) ? read_page(c, &r) : PB_NONE_VALUE;
}

/* ---- batches and transactions: each part is an input of its own ---- */

static void with_input(sim_call *c, pb_value in, sim_handler *fn, pb_value *out) {
    pb_value whole = c->in;
    c->in = in;
    pb_value v = fn(c);
    if (out) *out = v;
    c->in = whole;
}

static bool batch_size_ok(sim_call *c, pb_value tables, uint32_t most, const char *member) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < tables.n; i++) {
        pb_value list = tables.u.entries[i].value;
        n += member ? pb_get_c(list, member).n : list.n;
    }
    if (n < 1 || n > most)
        ddb_fail(c, "Too many items requested for the %s call", member ? "BatchGetItem" : "BatchWriteItem");
    return !c->failed;
}

static pb_value batch_write(sim_call *c) {
    pb_value tables = pb_get_c(c->in, "RequestItems");
    pb_map_builder undone = {.arena = c->arena};
    if (!batch_size_ok(c, tables, BATCH_WRITE_MAX, NULL)) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < tables.n; i++) {
        pb_value name = pb_string(tables.u.entries[i].key), list = tables.u.entries[i].value;
        EACH(r, list) {
            pb_value put = pb_get_c(*r, "PutRequest"), drop = pb_get_c(*r, "DeleteRequest");
            if (sim_item_fails(c))
                pb_map_add(&undone, pb_text(name), sim_list1(c, *r));
            else
                with_input(c, sim_with(c, or_else(put, drop), "TableName", name), is_set(put) ? put_item : delete_item,
                           NULL);
        }
    }
    return MAP(c, {"UnprocessedItems", pb_map_done(&undone)});
}

static pb_value batch_get(sim_call *c) {
    pb_value tables = pb_get_c(c->in, "RequestItems");
    pb_map_builder undone = {.arena = c->arena}, found = {.arena = c->arena};
    if (!batch_size_ok(c, tables, BATCH_GET_MAX, "Keys")) return PB_NONE_VALUE;
    for (uint32_t i = 0; i < tables.n; i++) {
        pb_value spec = tables.u.entries[i].value, keys = pb_get_c(spec, "Keys");
        sim_items items = {0};
        spec = sim_with(c, spec, "TableName", pb_string(tables.u.entries[i].key));
        EACH(k, keys) {
            pb_value out;
            if (sim_item_fails(c)) {
                pb_map_add(&undone, tables.u.entries[i].key,
                           sim_with(c, tables.u.entries[i].value, "Keys", sim_list1(c, *k)));
                continue;
            }
            with_input(c, sim_with(c, spec, "Key", *k), get_item, &out);
            items_add(c, &items, pb_get_c(out, "Item"));
        }
        pb_map_add(&found, tables.u.entries[i].key, items_list(c, &items));
    }
    return MAP(c, {"Responses", pb_map_done(&found)}, {"UnprocessedKeys", pb_map_done(&undone)});
}

static pb_value check_item(sim_call *c) {
    place p;
    pb_value key = ddb_normal_item(c, pb_get_c(c->in, "Key"));
    if (!c->failed && place_find(c, &p, key, true) && condition_holds(c, &p)) ddb_names_check(c, &p.names);
    return PB_NONE_VALUE;
}

/* All or nothing: a request is one transaction anyway. The parts come in order; two on one item, which the real service
 * refuses, see each other's effect. */
static pb_value transact_write(sim_call *c) {
    static const struct {
        const char *member;
        sim_handler *fn;
    } parts[] = {{"Put", put_item}, {"Update", update_item}, {"Delete", delete_item}, {"ConditionCheck", check_item}};
    pb_value items = pb_get_c(c->in, "TransactItems");
    pb_buf reasons = {0};
    bool cancelled = false;
    if (items.n < 1 || items.n > TRANSACT_MAX) return ddb_fail(c, "a transaction has 1 to %d items", TRANSACT_MAX);
    EACH(t, items) {
        for (size_t k = 0; k < 4; k++)
            if (is_set(pb_get_c(*t, parts[k].member))) with_input(c, pb_get_c(*t, parts[k].member), parts[k].fn, NULL);
        bool unmet = c->failed && pb_str_is(c->err.code, "ConditionalCheckFailedException");
        if (c->failed && !unmet) break;
        pb_buf_printf(&reasons, "%s%s", reasons.len ? ", " : "", unmet ? "ConditionalCheckFailed" : "None");
        cancelled = cancelled || unmet;
        c->failed = false;
    }
    if (cancelled && !c->failed)
        sim_fail(c, 400, "TransactionCanceledException",
                 "Transaction cancelled, please refer cancellation reasons for specific reasons [%.*s]",
                 (int)reasons.len, reasons.data);
    pb_buf_free(&reasons);
    return MAP(c, {NULL, PB_NONE_VALUE});
}

static const sim_operation operations[] = {
    {"CreateTable", create_table, NULL, NULL, 0},
    {"DescribeTable", describe_table, NULL, NULL, 0},
    {"ListTables", list_tables, NULL, NULL, 0},
    {"DeleteTable", delete_table, NULL, NULL, 0},
    {"PutItem", put_item, NULL, NULL, 0},
    {"GetItem", get_item, NULL, NULL, 0},
    {"UpdateItem", update_item, NULL, NULL, 0},
    {"DeleteItem", delete_item, NULL, NULL, 0},
    {"Query", query, NULL, NULL, 0},
    {"Scan", scan, NULL, NULL, 0},
    {"BatchWriteItem", batch_write, NULL, NULL, 0},
    {"BatchGetItem", batch_get, NULL, NULL, 0},
    {"TransactWriteItems", transact_write, NULL, NULL, 0},
};

const sim_service sim_dynamodb = {"dynamodb", SIM_OPS(operations), NULL, NULL};
