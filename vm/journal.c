/*
 * journal.c - the journal's entries: what they hold, made and read. See journal.h for their form.
 *
 * Nothing secret is written: freezing leaves secrets out, and digests are made over what is left. What an answer holds
 * besides its value (request ids, the host's remark) is kept, so that the evidence of a resumed run says what that of
 * an undisturbed one would.
 */
#include "vm/journal.h"

#include "vm/digest.h"
#include "vm/freeze.h"

enum { DIGEST_SHOWN = 8 /* bytes of the SHA-256 that are kept: it finds mistakes, not attacks */ };

/* flags */
enum { PLANNED = 1, AGAIN = 2, PARTIAL = 4, CONFLICT = 8, THROTTLED = 16, DENIED = 32, LOST = 64 };

/* ---- making ---- */

pb_str journal_digest(const vm_call *c, pb_arena *a) {
    pb_buf b = {0};
    uint8_t hash[DIGEST_SIZE];
    pb_str out = {0};
    freeze_value(&b, c->args, NULL); /* what is too large is cut off at the same place each time */
    const pb_str parts[] = {c->host, {"", 1}, {b.data, (uint32_t)b.len}};
    if (!b.oom && digest_sha256(parts, 3, hash)) {
        char text[2 * DIGEST_SHOWN + 1];
        static const char digits[] = "0123456789abcdef";
        for (int i = 0; i < DIGEST_SHOWN; i++)
            text[2 * i] = digits[hash[i] >> 4], text[2 * i + 1] = digits[hash[i] & 15];
        out = pb_strdup(a, text, 2 * DIGEST_SHOWN);
    }
    pb_buf_free(&b);
    return out;
}

static void append(journal *j, journal_entry *e, pb_value data) {
    pb_buf b = {0};
    if (data.kind != PB_NONE && !freeze_value(&b, data, NULL)) {
        j->failed = true;
    } else {
        e->data = (pb_str){b.data, (uint32_t)b.len};
        if (store_append(j->store, j->run, j->fence, e) != STORE_OK) j->failed = true;
    }
    pb_buf_free(&b);
}

static pb_value list_of(const pb_value *items, uint32_t n) {
    return (pb_value){.kind = PB_LIST, .n = n, .u.items = items};
}

void journal_intent(journal *j, const vm_call *c, int64_t at) {
    if (!j->store) return;
    pb_value items[] = {pb_string(journal_digest(c, j->arena))};
    journal_entry e = {.kind = JOURNAL_INTENT, .step = c->step->id, .name = c->host, .at = at};
    append(j, &e, list_of(items, 1));
}

/* What can be kept of it: none of a value that is too large to be frozen. */
static pb_value kept(pb_value v, int64_t *flags) {
    pb_buf b = {0};
    bool secret = false, ok = freeze_value(&b, v, &secret);
    pb_buf_free(&b);
    *flags |= !ok ? PARTIAL | LOST : secret ? PARTIAL : 0;
    return ok ? v : PB_NONE_VALUE;
}

static pb_value denial_value(pb_arena *a, const vm_denial *d) {
    pb_value *items, v = pb_list_new(a, 5, &items);
    if (!d || v.kind != PB_LIST) return PB_NONE_VALUE;
    const pb_str texts[] = {d->by, d->action, d->target, d->why, d->told};
    for (int i = 0; i < 5; i++) items[i] = pb_string(texts[i]);
    return v;
}

static void append_answer(journal *j, const vm_arrival *a, const vm_denial *denial, int64_t at) {
    const vm_step *s = a->call->step;
    int64_t flags = (s->status == STEP_PLANNED ? PLANNED : 0) | (a->again ? AGAIN : 0) |
                    (a->kind.conflict ? CONFLICT : 0) | (a->kind.throttled ? THROTTLED : 0) |
                    (a->kind.denied ? DENIED : 0);
    pb_value digest = pb_string(journal_digest(a->call, j->arena)), detail = pb_string(s->detail);
    journal_entry e = {.kind = a->ok ? JOURNAL_RESULT : JOURNAL_ERROR, .step = a->id, .name = a->call->host, .at = at};
    if (a->ok) {
        pb_value value = kept(a->value, &flags);
        const pb_value items[] = {digest, pb_int(flags), value, s->meta, detail};
        append(j, &e, list_of(items, 5));
        return;
    }
    const pb_value items[] = {digest,
                              pb_int(flags),
                              pb_string(a->code),
                              pb_string(a->message),
                              pb_int(a->kind.status),
                              denial_value(j->arena, a->kind.denied ? denial : NULL),
                              s->meta,
                              detail};
    append(j, &e, list_of(items, 8));
}

void journal_arrival(journal *j, const vm_arrival *a, const vm_denial *denial, bool changing, int64_t at) {
    if (!j->store) return;
    if (a->call) {
        append_answer(j, a, denial, at);
        j->changes |= changing;
        return;
    }
    journal_entry e = {.kind = JOURNAL_WAKE, .step = a->id, .at = at};
    append(j, &e, PB_NONE_VALUE);
}

void journal_note(journal *j, pb_str step, pb_str kind, pb_value what, int64_t at) {
    if (!j->store) return;
    journal_entry e = {.kind = JOURNAL_NOTE, .step = step, .name = kind, .at = at};
    append(j, &e, what);
}

/* ---- reading ---- */

static bool bad(const journal_entry *e, pb_arena *a, pb_str why, pb_str *err) {
    *err = pb_printf(a, "the journal's entry %lld (step %.*s, %.*s) cannot be read%s%.*s", (long long)e->seq,
                     PB_ARG(e->step), PB_ARG(e->name), why.n ? ": " : "", PB_ARG(why));
    return false;
}

static pb_str text_at(pb_value list, uint32_t i) {
    pb_value v = i < list.n ? list.u.items[i] : PB_NONE_VALUE;
    return v.kind == PB_STRING ? pb_text(v) : (pb_str){0};
}

static int64_t int_at(pb_value list, uint32_t i) {
    pb_value v = i < list.n ? list.u.items[i] : PB_NONE_VALUE;
    return v.kind == PB_INT ? v.u.i : 0;
}

static vm_denial denial_of(pb_value v) {
    if (v.kind != PB_LIST) return (vm_denial){0};
    return (vm_denial){text_at(v, 0), text_at(v, 1), text_at(v, 2), text_at(v, 3), text_at(v, 4)};
}

bool journal_answer_of(const journal_entry *e, pb_arena *a, journal_answer *out, pb_str *err) {
    pb_value v;
    pb_str why = {0};
    bool ok = e->kind == JOURNAL_RESULT;
    if (!thaw_value(e->data, a, &v, &why)) return bad(e, a, why, err);
    if (v.kind != PB_LIST || v.n != (ok ? 5 : 8)) return bad(e, a, PB_STR("it has another form"), err);
    int64_t flags = int_at(v, 1);
    *out = (journal_answer){.ok = ok,
                            .digest = text_at(v, 0),
                            .planned = (flags & PLANNED) != 0,
                            .again = (flags & AGAIN) != 0,
                            .partial = (flags & PARTIAL) != 0,
                            .lost = (flags & LOST) != 0,
                            .meta = v.u.items[v.n - 2],
                            .detail = text_at(v, v.n - 1)};
    if (ok) {
        out->value = v.u.items[2];
        return true;
    }
    out->code = text_at(v, 2);
    out->message = text_at(v, 3);
    int64_t status = int_at(v, 4);
    out->kind = (vm_error_class){.conflict = (flags & CONFLICT) != 0,
                                 .throttled = (flags & THROTTLED) != 0,
                                 .denied = (flags & DENIED) != 0,
                                 .status = status > 0 && status < 1000 ? (int)status : 0};
    out->denial = denial_of(v.u.items[5]);
    return true;
}

bool journal_intends(const journal_entry *e, const vm_call *c, pb_arena *a) {
    pb_value v;
    pb_str err;
    if (!pb_str_eq(e->name, c->host) || !thaw_value(e->data, a, &v, &err)) return false;
    return v.kind == PB_LIST && v.n == 1 && pb_str_eq(text_at(v, 0), journal_digest(c, a));
}
