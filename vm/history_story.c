/*
 * history_story.c - one run's story: what it did step by step, what was noted on the way, and how it goes on.
 *
 * What has ended is told by its evidence: the actions, their calls, what they said of themselves. Of what has not ended
 * there is only the journal: calls that were announced and answered. They are put together by the step of the playbook
 * in which they were made (its id is the beginning of theirs); the names of the actions around them are not kept. A run
 * that is being undone has both, one below the other.
 *
 * Notes come from four places, put in the order of their time: the journal (taken up again, undone, a message that
 * could not be sent), the approvals and every answer to them, the kill switch as it was set meanwhile, and the evidence
 * (denied, authorized).
 */
#include "vm/approval.h"
#include "vm/freeze.h"
#include "vm/history_own.h"
#include "vm/journal.h"

#include <stdlib.h>

enum {
    EVIDENCE_MAX = 16 << 20, /* bytes of one document */
    APPROVALS_MAX = 100,     /* of one run */
    NOTES_MAX = 5000
};

typedef struct item {
    int64_t at;
    uint32_t order; /* of two at one time the one that was found first */
    pb_value value;
} item;

typedef struct items {
    item *v;
    uint32_t n, cap;
} items;

typedef struct story {
    store *store;
    pb_arena *arena;
    store_run run;
    int64_t now;
    items steps, notes;
    pb_value approvals;
    bool open_approval, oom;
    pb_map_builder out;
    pb_str err;
} story;

/* ---- lists that are put in order ---- */

static void push(story *t, items *l, int64_t at, pb_value v) {
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 64;
        item *more = pb_alloc_array(t->arena, cap, sizeof *more);
        if (!more) {
            t->oom = true;
            return;
        }
        if (l->n) memcpy(more, l->v, l->n * sizeof *more);
        l->v = more;
        l->cap = cap;
    }
    l->v[l->n] = (item){at, l->n, v};
    l->n++;
}

static int by_time(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static pb_value in_order(story *t, items *l) {
    pb_value *values, list = pb_list_new(t->arena, l->n, &values);
    if (l->n) qsort(l->v, l->n, sizeof *l->v, by_time);
    for (uint32_t i = 0; list.kind == PB_LIST && i < l->n; i++) values[i] = l->v[i].value;
    return list;
}

/* ---- notes ---- */

static void note(story *t, int64_t at, const char *kind, pb_str step, pb_str text) {
    pb_map_builder b = {.arena = t->arena};
    if (t->notes.n == NOTES_MAX) return;
    pb_map_add(&b, PB_STR("at"), pb_time(at));
    history_text(&b, "kind", pb_str_c(kind));
    history_text(&b, "step", step);
    history_text(&b, "text", text);
    push(t, &t->notes, at, pb_map_done(&b));
}

static pb_str with_reason(story *t, pb_str text, pb_str reason) {
    return reason.n ? pb_printf(t->arena, "%.*s: %.*s", PB_ARG(text), PB_ARG(reason)) : text;
}

static void note_decision(story *t, const store_approval *apr, const store_decision *d) {
    bool grant = pb_str_is(d->verdict, "grant"), deny = pb_str_is(d->verdict, "deny");
    pb_str text = pb_printf(t->arena, "%.*s %s, via %.*s", PB_ARG(d->person),
                            grant  ? "approves"
                            : deny ? "denies"
                                   : "is refused",
                            PB_ARG(d->via));
    note(t, d->at, grant ? "approves" : deny ? "denies" : "refused", apr->step, with_reason(t, text, d->reason));
}

static void note_approval(story *t, const store_approval *apr) {
    pb_str expires = pb_time_text(t->arena, apr->expires);
    note(t, apr->asked, "approval_asked", apr->step,
         pb_printf(t->arena, "asks for approval: %.*s (%u needed, until %.*s)%s", PB_ARG(apr->question), apr->quorum,
                   PB_ARG(expires), apr->round > 1 ? "; what it was about had changed, so it is asked again" : ""));
    if (pb_str_is(apr->state, "open")) {
        t->open_approval = true;
    } else if (!pb_str_is(apr->state, "granted") || apr->quorum > 1) {
        note(t, apr->decided ? apr->decided : apr->expires, "approval", apr->step,
             with_reason(t, pb_printf(t->arena, "the approval is %.*s", PB_ARG(apr->state)),
                         pb_str_is(apr->state, "denied") ? (pb_str){"", 0} : apr->reason));
    }
}

static store_result tell_approvals(story *t) {
    store_approval *list;
    uint32_t n = 0;
    pb_value *values;
    store_result r = store_approvals(t->store, t->run.id, false, APPROVALS_MAX, t->arena, &list, &n);
    if (r != STORE_OK) return r;
    t->approvals = pb_list_new(t->arena, n, &values);
    for (uint32_t i = 0; t->approvals.kind == PB_LIST && i < n; i++) {
        const store_approval *apr = &list[n - 1 - i];
        store_decision *d;
        uint32_t nd = 0;
        r = store_decisions(t->store, apr->id, t->arena, &d, &nd);
        if (r != STORE_OK) return r;
        for (uint32_t k = 0; k < nd; k++) note_decision(t, apr, &d[k]);
        note_approval(t, apr);
        values[i] = approval_value(apr, d, nd, t->arena);
    }
    return STORE_OK;
}

static bool scope_is(const story *t, pb_str scope, const char *kind, pb_str name) {
    return pb_str_eq(scope, pb_printf(t->arena, "%s:%.*s", kind, PB_ARG(name)));
}

static bool concerns(const story *t, const store_switch *w) {
    return pb_str_is(w->scope, "global") || scope_is(t, w->scope, "account", t->run.account) ||
           scope_is(t, w->scope, "playbook", t->run.playbook);
}

/* As it was set meanwhile. */
static store_result tell_switches(story *t) {
    store_switch *list;
    uint32_t n = 0;
    int64_t end = t->run.ended ? t->run.ended : t->now;
    store_result r = store_switches(t->store, true, t->arena, &list, &n);
    for (uint32_t i = 0; r == STORE_OK && i < n; i++) {
        const store_switch *w = &list[i];
        if (w->at < t->run.started || w->at > end || !concerns(t, w)) continue;
        pb_str text =
            pb_printf(t->arena, "kill switch (%.*s): %.*s by %.*s", PB_ARG(w->scope), PB_ARG(w->state), PB_ARG(w->who));
        note(t, w->at, "kill_switch", (pb_str){"", 0}, with_reason(t, text, w->reason));
    }
    return r;
}

/* ---- steps out of the evidence ---- */

static int64_t time_of(pb_value v, const char *key) {
    int64_t at = 0;
    pb_str text = history_get(v, key);
    return text.n && pb_time_parse(text, &at) ? at : 0;
}

static void copy(pb_map_builder *b, pb_value from, const char *key, const char *as) {
    history_value(b, as, pb_get_c(from, key));
}

static pb_value call_of(story *t, pb_value c) {
    pb_map_builder b = {.arena = t->arena};
    copy(&b, c, "operation", "name");
    history_time(&b, "started", time_of(c, "started_at"));
    copy(&b, c, "execution_time_ms", "took_ms");
    for (uint32_t i = 0; c.kind == PB_MAP && i < c.n; i++) {
        const pb_entry *e = &c.u.entries[i];
        if (!pb_str_is(e->key, "operation") && !pb_str_is(e->key, "started_at") &&
            !pb_str_is(e->key, "execution_time_ms") && e->value.kind != PB_NONE)
            pb_map_add(&b, e->key, e->value);
    }
    return pb_map_done(&b);
}

static void tell_action(story *t, pb_value action, const char *kind) {
    static const char *const kept[] = {"effect", "attempts", "target", "detail",
                                       "error",  "guards",   "undoes", "calls_left_out"};
    pb_map_builder b = {.arena = t->arena};
    pb_value calls = pb_get_c(action, "calls"), *values, list = {0};
    copy(&b, action, "step", "id");
    copy(&b, action, "action", "name");
    history_text(&b, "kind", pb_str_c(pb_get_c(action, "undoes").kind == PB_STRING ? "undo" : kind));
    copy(&b, action, "status", "status");
    history_time(&b, "started", time_of(action, "started_at"));
    copy(&b, action, "execution_time_ms", "took_ms");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) copy(&b, action, kept[i], kept[i]);
    if (calls.kind == PB_LIST) list = pb_list_new(t->arena, calls.n, &values);
    for (uint32_t i = 0; list.kind == PB_LIST && i < calls.n; i++) values[i] = call_of(t, calls.u.items[i]);
    history_value(&b, "calls", list);
    push(t, &t->steps, time_of(action, "started_at"), pb_map_done(&b));
}

static void tell_actions(story *t, pb_value list, const char *kind) {
    for (uint32_t i = 0; list.kind == PB_LIST && i < list.n; i++) tell_action(t, list.u.items[i], kind);
}

static void tell_authorizations(story *t, pb_value list) {
    for (uint32_t i = 0; list.kind == PB_LIST && i < list.n; i++) {
        pb_value v = list.u.items[i];
        pb_str name = history_get(v, "name");
        note(t, time_of(v, "at"), "authorized", (pb_str){"", 0},
             with_reason(t, pb_printf(t->arena, "authorizes %.*s", PB_ARG(name)), history_get(v, "because")));
    }
}

static void tell_denial(story *t, pb_value doc) {
    pb_value d = pb_get_c(doc, "denied");
    if (d.kind != PB_MAP) return;
    pb_str by = history_get(d, "by"), action = history_get(d, "action"), target = history_get(d, "target");
    pb_str text = pb_printf(t->arena, "%.*s holds back %.*s%s%.*s", PB_ARG(by), PB_ARG(action), target.n ? " on " : "",
                            PB_ARG(target));
    note(t, time_of(doc, "timestamp"), "denied", (pb_str){"", 0}, text); /* why: the outcome says it */
}

static void tell_document(story *t, pb_value doc) {
    static const char *const first[] = {"remediation_status", "detected_at", "record", "compliance_tags", "engine"};
    static const char *const each[] = {"denied", "authorizations", "not_undoable"};
    bool undo = history_get(doc, "undo_of").n > 0;
    tell_actions(t, pb_get_c(doc, "automated_actions"), "do");
    tell_actions(t, pb_get_c(doc, "reads"), "read");
    tell_authorizations(t, pb_get_c(doc, "authorizations"));
    tell_denial(t, doc);
    for (size_t i = 0; !undo && i < sizeof first / sizeof *first; i++) copy(&t->out, doc, first[i], first[i]);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) copy(&t->out, doc, each[i], each[i]);
    if (undo) {
        pb_str status = history_get(doc, "remediation_status");
        note(t, time_of(doc, "timestamp"), "undone", (pb_str){"", 0},
             pb_printf(t->arena, "the undoing ends: %.*s", PB_ARG(status)));
    }
}

/* One document a line. *documents: all of them. */
static bool tell_evidence(story *t, pb_value *documents) {
    pb_str rest = t->run.evidence;
    pb_value docs[64];
    uint32_t n = 0;
    while (rest.n) {
        const char *end = memchr(rest.s, '\n', rest.n);
        uint32_t len = end ? (uint32_t)(end - rest.s) : rest.n;
        pb_value doc;
        pb_str why = {0};
        if (!pb_json_parse_upto(t->arena, rest.s, len, EVIDENCE_MAX, &doc, &why)) {
            t->err = pb_printf(t->arena, "the evidence of %.*s cannot be read: %.*s", PB_ARG(t->run.id), PB_ARG(why));
            return false;
        }
        tell_document(t, doc);
        if (n < 64) docs[n++] = doc;
        rest = end ? (pb_str){end + 1, rest.n - len - 1} : (pb_str){"", 0};
    }
    pb_value *values;
    *documents = pb_list_new(t->arena, n, &values);
    if (documents->kind == PB_LIST && n) memcpy(values, docs, n * sizeof *docs);
    return true;
}

/* ---- steps out of the journal ---- */

/* A call: announced, answered or both. */
typedef struct call {
    pb_str id, host, code, message, detail;
    pb_value meta;
    int64_t asked, answered;
    bool ok, planned, denied;
    uint32_t group;
} call;

typedef struct group {
    pb_str id;
    uint32_t first, last, n; /* calls */
} group;

typedef struct reading {
    call *calls;
    group *groups;
    uint32_t ncalls, ngroups, open; /* open: announced, not answered */
} reading;

/* "3~2.1" is in step 3, "4:0.2.1" in step 4:0.2 (a branch is no step). */
static pb_str step_of(pb_str id) {
    uint32_t at = 0;
    bool branch = true;
    while (at < id.n && branch) {
        branch = false;
        if (at && id.s[at] == '.') at++;
        for (; at < id.n && id.s[at] != '.' && id.s[at] != '~'; at++) branch |= id.s[at] == ':';
    }
    return (pb_str){id.s, at};
}

static uint32_t group_of(reading *q, pb_str id, uint32_t at) {
    uint32_t i = q->ngroups;
    while (i && !pb_str_eq(q->groups[i - 1].id, id)) i--;
    if (!i) {
        q->groups[q->ngroups] = (group){.id = id, .first = at};
        i = ++q->ngroups;
    }
    q->groups[i - 1].last = at;
    q->groups[i - 1].n++;
    return i - 1;
}

static call *open_call(reading *q, pb_str id) {
    for (uint32_t i = q->ncalls; q->open && i; i--)
        if (!q->calls[i - 1].answered && pb_str_eq(q->calls[i - 1].id, id)) return &q->calls[i - 1];
    return NULL;
}

static call *call_new(reading *q, const journal_entry *e) {
    call *c = &q->calls[q->ncalls];
    *c = (call){.id = e->step, .host = e->name, .meta = PB_NONE_VALUE};
    c->group = group_of(q, step_of(e->step), q->ncalls++);
    return c;
}

static void read_intent(reading *q, const journal_entry *e) {
    if (open_call(q, e->step)) return; /* sent again by whoever took the run up */
    call_new(q, e)->asked = e->at;
    q->open++;
}

static void read_answer(story *t, reading *q, const journal_entry *e) {
    journal_answer answer;
    pb_str err;
    call *c = open_call(q, e->step);
    if (c) q->open--;
    if (!c) c = call_new(q, e);
    c->answered = e->at;
    c->ok = e->kind == JOURNAL_RESULT;
    if (!journal_answer_of(e, t->arena, &answer, &err)) {
        c->detail = err;
        return;
    }
    c->planned = answer.planned;
    c->denied = answer.kind.denied;
    c->code = answer.code;
    c->message = answer.message;
    c->detail = answer.detail;
    c->meta = answer.meta;
}

static const char *call_status(const story *t, const call *c) {
    if (!c->answered) return t->run.status == RUN_WAITING ? "waiting" : "unanswered";
    return c->denied ? "denied" : !c->ok ? "failed" : c->planned ? "planned" : "succeeded";
}

static void put_error(story *t, pb_map_builder *b, pb_str code, pb_str message) {
    pb_map_builder e = {.arena = t->arena};
    if (!code.n && !message.n) return;
    history_text(&e, "code", code);
    history_text(&e, "message", message);
    pb_map_add(b, PB_STR("error"), pb_map_done(&e));
}

static pb_value call_value(story *t, const call *c) {
    pb_map_builder b = {.arena = t->arena};
    history_text(&b, "id", c->id);
    history_text(&b, "name", c->host);
    history_text(&b, "status", pb_str_c(call_status(t, c)));
    history_time(&b, "started", c->asked ? c->asked : c->answered);
    if (c->asked && c->answered >= c->asked) pb_map_add(&b, PB_STR("took_ms"), pb_int(c->answered - c->asked));
    history_text(&b, "detail", c->detail);
    put_error(t, &b, c->code, c->message);
    for (uint32_t i = 0; c->meta.kind == PB_MAP && i < c->meta.n; i++)
        pb_map_add(&b, c->meta.u.entries[i].key, c->meta.u.entries[i].value);
    return pb_map_done(&b);
}

static void tell_group(story *t, const reading *q, uint32_t which) {
    const group *g = &q->groups[which];
    const call *first = &q->calls[g->first], *last = &q->calls[g->last];
    int64_t begin = first->asked ? first->asked : first->answered;
    pb_map_builder b = {.arena = t->arena};
    pb_value *values, list = pb_list_new(t->arena, g->n, &values);
    history_text(&b, "id", g->id);
    history_text(&b, "name",
                 g->n > 1 ? pb_printf(t->arena, "%.*s and %u more", PB_ARG(first->host), g->n - 1) : first->host);
    history_text(&b, "kind", PB_STR("call"));
    history_text(&b, "status", pb_str_c(call_status(t, last)));
    history_time(&b, "started", begin);
    if (last->answered) pb_map_add(&b, PB_STR("took_ms"), pb_int(last->answered - begin));
    history_text(&b, "detail", last->detail);
    put_error(t, &b, last->code, last->message);
    for (uint32_t i = g->first, n = 0; list.kind == PB_LIST && i <= g->last && n < g->n; i++)
        if (q->calls[i].group == which) values[n++] = call_value(t, &q->calls[i]);
    history_value(&b, "calls", list);
    push(t, &t->steps, begin, pb_map_done(&b));
}

static void tell_note(story *t, const journal_entry *e) {
    pb_value v = PB_NONE_VALUE;
    pb_str why;
    if (e->data.n && !thaw_value(e->data, t->arena, &v, &why)) v = PB_NONE_VALUE;
    if (pb_str_is(e->name, "resumed")) {
        note(t, e->at, "resumed", e->step,
             pb_printf(t->arena, "taken up again by %.*s", PB_ARG(v.kind == PB_STRING ? pb_text(v) : PB_STR("?"))));
    } else if (pb_str_is(e->name, "undo")) {
        pb_str only = history_get(v, "only");
        note(t, e->at, "undo", e->step,
             only.n ? pb_printf(t->arena, "is being undone: step %.*s", PB_ARG(only)) : PB_STR("is being undone"));
    } else if (pb_str_is(e->name, "approval_message_failed")) {
        note(t, e->at, "approval_message_failed", e->step,
             with_reason(t, PB_STR("the question could not be sent"), history_get(v, "error")));
    } else if (pb_str_is(e->name, "approval_escalated")) {
        note(t, e->at, "approval_escalated", e->step, PB_STR("nobody has answered: more people are asked"));
    } else if (!pb_str_is(e->name, "begun") && !(e->name.n > 9 && memcmp(e->name.s, "approval_", 9) == 0)) {
        pb_str text = v.kind == PB_NONE ? (pb_str){"", 0} : pb_json_text(t->arena, v);
        pb_str kind = pb_printf(t->arena, "%.*s", PB_ARG(e->name));
        note(t, e->at, kind.s ? kind.s : "", e->step, with_reason(t, kind, text));
    }
}

static bool is_undo(const journal_entry *e) { return e->kind == JOURNAL_NOTE && pb_str_is(e->name, "undo"); }

/* Notes of the whole run; calls from `from` on. */
static store_result tell_journal(story *t) {
    journal_entry *list;
    uint32_t n = 0, from = 0;
    reading q = {0};
    store_result r = store_journal(t->store, t->run.id, t->arena, &list, &n);
    if (r != STORE_OK) return r;
    bool ended = t->run.status == RUN_ENDED || t->run.status == RUN_UNDONE;
    for (uint32_t i = 0; t->run.status == RUN_UNDOING && i < n; i++)
        if (is_undo(&list[i])) from = i;
    q.calls = pb_alloc_array(t->arena, n ? n : 1, sizeof *q.calls);
    q.groups = pb_alloc_array(t->arena, n ? n : 1, sizeof *q.groups);
    t->oom |= !q.calls || !q.groups;
    for (uint32_t i = 0; !t->oom && i < n; i++) {
        const journal_entry *e = &list[i];
        if (e->kind == JOURNAL_NOTE) tell_note(t, e);
        if (i < from || (ended && t->run.evidence.n)) continue;
        if (e->kind == JOURNAL_INTENT) read_intent(&q, e);
        if (e->kind == JOURNAL_RESULT || e->kind == JOURNAL_ERROR) read_answer(t, &q, e);
    }
    for (uint32_t i = 0; !t->oom && i < q.ngroups; i++) tell_group(t, &q, i);
    return STORE_OK;
}

/* ---- how it goes on ---- */

typedef struct lines {
    pb_value v[4];
    uint32_t n;
} lines;

static void line(lines *l, pb_str text) {
    if (text.n && l->n < 4) l->v[l->n++] = pb_string(text);
}

static void next_waiting(story *t, lines *l) {
    const store_run *r = &t->run;
    if (t->open_approval) {
        line(l, pb_printf(t->arena, "answer: pbrun approve %.*s, or pbrun deny %.*s --reason WHY", PB_ARG(r->id),
                          PB_ARG(r->id)));
        line(l, pb_printf(t->arena, "a link for one person: pbrun approve %.*s --link --for NAME", PB_ARG(r->id)));
    }
    pb_str at = pb_time_text(t->arena, r->wake_at);
    if (r->wake_at)
        line(l, pb_printf(t->arena, "%s %.*s: by itself where pbrun serve runs, else pbrun resume %.*s",
                          t->open_approval ? "after an answer it goes on, at the latest" : "it goes on", PB_ARG(at),
                          PB_ARG(r->id)));
}

static pb_value next_of(story *t) {
    const store_run *r = &t->run;
    const char *state = history_state(r, t->now);
    pb_value *values;
    lines l = {.n = 0};
    if (r->status == RUN_WAITING)
        next_waiting(t, &l);
    else if (strcmp(state, "orphaned") == 0)
        line(&l,
             pb_printf(t->arena, "its process is gone: pbrun serve takes it up by itself, or pbrun resume %.*s does",
                       PB_ARG(r->id)));
    else if (r->status == RUN_ACTIVE || r->status == RUN_UNDOING)
        line(&l, pb_printf(t->arena, "it is being executed by %.*s", PB_ARG(r->owner)));
    pb_value list = pb_list_new(t->arena, l.n, &values);
    if (list.kind == PB_LIST && l.n) memcpy(values, l.v, l.n * sizeof *values);
    return list;
}

/* ---- the whole ---- */

static void put_event(story *t, bool full) {
    pb_value event;
    pb_str why;
    pb_map_builder b = {.arena = t->arena};
    if (!pb_json_parse(t->arena, t->run.event.s, t->run.event.n, &event, &why)) return;
    copy(&b, event, "source", "source");
    copy(&b, event, "detail-type", "detail_type");
    copy(&b, event, "id", "id");
    copy(&b, event, "time", "time");
    if (t->run.item) pb_map_add(&b, PB_STR("item"), pb_int(t->run.item));
    history_text(&b, "note", t->run.item_note);
    if (full) pb_map_add(&b, PB_STR("body"), event);
    pb_map_add(&t->out, PB_STR("event"), pb_map_done(&b));
}

static store_result tell(story *t, bool full) {
    pb_value documents = PB_NONE_VALUE;
    pb_map_add(&t->out, PB_STR("run"), history_run(&t->run, t->now, t->arena));
    history_text(&t->out, "image", t->run.image);
    put_event(t, full);
    if (!tell_evidence(t, &documents)) return STORE_ERROR;
    store_result r = tell_journal(t);
    if (r == STORE_OK) r = tell_approvals(t);
    if (r == STORE_OK) r = tell_switches(t);
    if (r != STORE_OK) return r;
    pb_map_add(&t->out, PB_STR("steps"), in_order(t, &t->steps));
    pb_map_add(&t->out, PB_STR("notes"), in_order(t, &t->notes));
    pb_map_add(&t->out, PB_STR("approvals"), t->approvals);
    pb_map_add(&t->out, PB_STR("next"), next_of(t));
    if (full) history_value(&t->out, "evidence", documents);
    return STORE_OK;
}

store_result history_story(store *s, pb_str id, bool full, int64_t now, pb_arena *a, pb_value *out, pb_str *err) {
    story t = {.store = s, .arena = a, .now = now, .out = {.arena = a}, .approvals = PB_NONE_VALUE};
    store_result r = store_run_get(s, id, a, &t.run);
    *err = (pb_str){"", 0};
    if (r == STORE_NO) *err = pb_printf(a, "there is no run %.*s in this store", PB_ARG(id));
    if (r == STORE_OK) r = tell(&t, full);
    if (r == STORE_OK) {
        *out = pb_map_done(&t.out);
        if (!t.oom && !pb_arena_failed(a)) return r;
        t.err = PB_STR("the run's story is larger than can be shown");
        r = STORE_ERROR;
    }
    if (r == STORE_ERROR) *err = t.err.n ? t.err : pb_printf(a, "the store failed: %s", store_error(s));
    return r;
}

/* ---- open approvals ---- */

/* The names of those who may decide, each once; of a Slack user group only that it is one: who is in it Slack knows. */
static pb_value people_of(const store_approval *apr, pb_arena *a) {
    pb_map_builder b = {.arena = a};
    for (uint32_t g = 0; apr->by.kind == PB_LIST && g < apr->by.n; g++) {
        pb_value by = apr->by.u.items[g], people = pb_get_c(by, "people");
        if (pb_str_is(history_get(by, "kind"), "known")) continue; /* for telling who a member of such a group is */
        if (history_get(by, "slack_group").n) {
            pb_str text = pb_printf(a, "members of %.*s in Slack", PB_ARG(history_get(by, "name")));
            pb_map_add(&b, text, pb_string(text));
        }
        for (uint32_t i = 0; people.kind == PB_LIST && i < people.n; i++) {
            pb_str name = history_get(people.u.items[i], "name");
            if (name.n) pb_map_add(&b, name, pb_string(name));
        }
    }
    pb_value *values, m = pb_map_done(&b), list = pb_list_new(a, m.n, &values);
    for (uint32_t i = 0; m.kind == PB_MAP && list.kind == PB_LIST && i < m.n; i++) values[i] = m.u.entries[i].value;
    return list;
}

static store_result open_approval(store *s, const store_approval *apr, pb_arena *a, pb_value *out) {
    store_decision *d;
    uint32_t n = 0, grants = 0;
    pb_map_builder b = {.arena = a};
    pb_value body = PB_NONE_VALUE;
    pb_str why;
    store_result r = store_decisions(s, apr->id, a, &d, &n);
    if (r != STORE_OK) return r;
    for (uint32_t i = 0; i < n; i++) grants += pb_str_is(d[i].verdict, "grant");
    if (!pb_json_parse(a, apr->body.s, apr->body.n, &body, &why)) body = PB_NONE_VALUE;
    history_text(&b, "run", apr->run);
    pb_value v = approval_value(apr, d, n, a);
    for (uint32_t i = 0; v.kind == PB_MAP && i < v.n; i++)
        if (v.u.entries[i].value.kind != PB_NONE) pb_map_add(&b, v.u.entries[i].key, v.u.entries[i].value);
    pb_map_add(&b, PB_STR("grants"), pb_int(grants));
    history_value(&b, "body", body);
    history_value(&b, "people", people_of(apr, a));
    *out = pb_map_done(&b);
    return STORE_OK;
}

store_result history_approvals(store *s, uint32_t max, pb_arena *a, pb_value *out) {
    store_approval *list;
    uint32_t n = 0;
    pb_value *values;
    store_result r = store_approvals(s, (pb_str){"", 0}, true, max, a, &list, &n);
    if (r != STORE_OK) return r;
    *out = pb_list_new(a, n, &values);
    for (uint32_t i = 0; r == STORE_OK && out->kind == PB_LIST && i < n; i++)
        r = open_approval(s, &list[i], a, &values[i]);
    return r;
}
