/*
 * report_coverage.c - which of the types that a source is known to send are handled, by which playbook, and which by
 * none.
 *
 * A playbook handles a type when its `where`s, with that type in the event and everything else unknown, do not come out
 * false: it may still look at the severity or at the account. Looked at are the events that some playbook is for and
 * whose types ought to be handled by somebody (known.c): GuardDuty's findings. Nobody handles every API call or
 * sign-in.
 */
#include "lang/analyse.h"
#include "lang/report.h"

#include <json-c/json.h>
#include <stdio.h>

typedef struct coverage {
    ast_program *program;
    const ast_decl *event;
    pb_str path; /* of the type */
    const known_list *list;
    uint32_t handled;
} coverage;

static bool is_handled(const coverage *k, const ast_decl *playbook, pb_str type) {
    if (playbook->event_decl != k->event) return false;
    for (const ast_stmt *s = playbook->body; s; s = s->next)
        if (s->kind == STMT_WHERE && facts_given(s->expr, k->path, type) == 0) return false;
    return true;
}

/* The next playbook after d (NULL: the first) that handles the type. */
static const ast_decl *next_playbook(const coverage *k, const ast_decl *d, pb_str type) {
    bool past = !d;
    for (const ast_file *f = k->program->files; f; f = f->next)
        for (const ast_decl *p = f->decls; p; p = p->next) {
            if (past && p->kind == DECL_PLAYBOOK && !source_is_test(&k->program->sources->files[f->file]) &&
                is_handled(k, p, type))
                return p;
            past = past || p == d;
        }
    return NULL;
}

static void put_text(coverage *k, pb_buf *out) {
    pb_buf rest = {0}, by = {0};
    for (uint32_t i = 0; i < k->list->count; i++) {
        pb_str type = pb_str_c(k->list->names[i]);
        const ast_decl *p = next_playbook(k, NULL, type);
        if (!p) {
            pb_buf_printf(&rest, "    %s\n", k->list->names[i]);
            continue;
        }
        pb_buf_printf(&by, "    %-60s", k->list->names[i]);
        for (; p; p = next_playbook(k, p, type)) pb_buf_printf(&by, " %.*s", PB_ARG(p->name.parts[0].text));
        pb_buf_putc(&by, '\n');
        k->handled++;
    }
    pb_str event = analyse_decl_name(k->program->arena, k->event);
    pb_buf_printf(out, "%.*s: %u types known, %u handled, %u by no playbook\n", PB_ARG(event), k->list->count,
                  k->handled, k->list->count - k->handled);
    if (by.len) pb_buf_printf(out, "  handled\n%s", by.data);
    if (rest.len) pb_buf_printf(out, "  by no playbook\n%s", rest.data);
    out->oom = out->oom || by.oom || rest.oom;
    pb_buf_free(&rest);
    pb_buf_free(&by);
}

static json_object *event_json(coverage *k) {
    json_object *o = json_object_new_object(), *types = json_object_new_object();
    pb_str event = analyse_decl_name(k->program->arena, k->event);
    for (uint32_t i = 0; i < k->list->count; i++) {
        json_object *by = json_object_new_array();
        pb_str type = pb_str_c(k->list->names[i]);
        const ast_decl *p = next_playbook(k, NULL, type);
        k->handled += p != NULL;
        for (; p; p = next_playbook(k, p, type))
            json_object_array_add(by,
                                  json_object_new_string_len(p->name.parts[0].text.s, (int)p->name.parts[0].text.n));
        json_object_object_add(types, k->list->names[i], by);
    }
    json_object_object_add(o, "event", json_object_new_string_len(event.s, (int)event.n));
    json_object_object_add(o, "known", json_object_new_int64(k->list->count));
    json_object_object_add(o, "handled", json_object_new_int64(k->handled));
    json_object_object_add(o, "types", types);
    return o;
}

/* Some playbook is for this event. */
static bool is_used(const ast_program *p, const ast_decl *event) {
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next)
            if (d->kind == DECL_PLAYBOOK && d->event_decl == event) return true;
    return false;
}

void report_coverage(ast_program *p, bool json, pb_buf *out, uint32_t *uncovered) {
    json_object *all = json ? json_object_new_array() : NULL;
    *uncovered = 0;
    for (const ast_file *f = p->files; f; f = f->next)
        for (const ast_decl *d = f->decls; d; d = d->next) {
            if (d->kind != DECL_EVENT || !is_used(p, d)) continue;
            coverage k = {.program = p, .event = d, .path = analyse_clause_text(d, "threat")};
            k.list = known_of(d, k.path);
            if (!k.list || !k.list->covered) continue;
            if (json)
                json_object_array_add(all, event_json(&k));
            else
                put_text(&k, out);
            *uncovered += k.list->count - k.handled;
        }
    const char *text = json ? json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE)
                            : NULL;
    if (text) pb_buf_printf(out, "%s\n", text);
    if (json && !text) out->oom = true;
    json_object_put(all);
}
