/*
 * regex.c - regular expressions with bounded work.
 *
 * PCRE2 backtracks, so a pattern like (a+)+$ can take longer than anybody waits. Its own match limit starts anew at
 * each position of the text, which leaves a factor of the text's length open. So patterns are compiled with automatic
 * callouts: before each item the matcher calls back, and the callback adds up one for itself and one for each 16 bytes
 * the position has moved since the last call, which follows the real work closely. When REGEX_WORK is used up the
 * answer is REGEX_COSTLY, an error for the playbook: never a `false` that somebody could provoke. The count depends on
 * pattern and text alone, so a run repeated gives the same answer. PCRE2's own limits (match, depth, heap) stay on as a
 * second belt.
 *
 * No JIT: it would need writable and executable memory. Compiled patterns are kept with their program.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "vm/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

enum { MATCH_LIMIT = 1000000, DEPTH_LIMIT = 10000, HEAP_KIB = 16 << 10, MOVE_SHIFT = 4 };

typedef struct pattern {
    char *text;
    uint32_t n;
    pcre2_code *code;
} pattern;

struct vm_regex_cache {
    pcre2_match_context *match;
    pcre2_compile_context *compile;
    pattern patterns[REGEX_CACHE];
    uint32_t n;
};

vm_regex_cache *vm_regex_cache_new(pb_arena *a) { return pb_alloc(a, sizeof(vm_regex_cache)); }

void vm_regex_cache_free(vm_regex_cache *c) {
    if (!c) return;
    for (uint32_t i = 0; i < c->n; i++) {
        pcre2_code_free(c->patterns[i].code);
        free(c->patterns[i].text);
    }
    pcre2_match_context_free(c->match);
    pcre2_compile_context_free(c->compile);
    *c = (vm_regex_cache){0};
}

/* The library's contexts are made at first use: most programs never need them. */
static bool ready(vm_regex_cache *c) {
    if (c->match && c->compile) return true;
    if (!c->match) c->match = pcre2_match_context_create(NULL);
    if (!c->compile) c->compile = pcre2_compile_context_create(NULL);
    if (!c->match || !c->compile) return false;
    pcre2_set_match_limit(c->match, MATCH_LIMIT);
    pcre2_set_depth_limit(c->match, DEPTH_LIMIT);
    pcre2_set_heap_limit(c->match, HEAP_KIB);
    pcre2_set_max_pattern_length(c->compile, REGEX_MAX_PATTERN);
    return true;
}

/* A code of the caller's own, to be freed unless it went into the cache. */
static pcre2_code *compile(vm_regex_cache *c, pb_str text, regex_result *why, char message[200]) {
    int error;
    PCRE2_SIZE at;
    char said[120];
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(text.s ? text.s : ""), text.n,
                                     PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &error, &at, c->compile);
    if (code) return code;
    *why = error == PCRE2_ERROR_HEAP_FAILED ? REGEX_NO_MEMORY : REGEX_BAD_PATTERN;
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)said, sizeof said) < 0)
        snprintf(said, sizeof said, "error %d", error);
    snprintf(message, 200, "%s (at byte %zu of the pattern)", said, (size_t)at);
    return NULL;
}

static bool keep(vm_regex_cache *c, pb_str text, pcre2_code *code) {
    if (c->n == REGEX_CACHE) return false;
    pattern *p = &c->patterns[c->n];
    p->text = malloc((size_t)text.n + 1);
    if (!p->text) return false;
    if (text.n) memcpy(p->text, text.s, text.n);
    p->n = text.n;
    p->code = code;
    c->n++;
    return true;
}

static pcre2_code *cached(const vm_regex_cache *c, pb_str text) {
    for (uint32_t i = 0; i < c->n; i++)
        if (pb_str_eq((pb_str){c->patterns[i].text, c->patterns[i].n}, text)) return c->patterns[i].code;
    return NULL;
}

typedef struct meter {
    uint64_t work;
    size_t position;
} meter;

static int count(pcre2_callout_block *b, void *data) {
    meter *m = data;
    size_t at = b->current_position, moved = at > m->position ? at - m->position : m->position - at;
    m->position = at;
    m->work += 1 + (moved >> MOVE_SHIFT);
    return m->work > REGEX_WORK ? PCRE2_ERROR_CALLOUT : 0;
}

static regex_result search(vm_regex_cache *c, const pcre2_code *code, pb_str text, uint64_t *work) {
    meter m = {0, 0};
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data) return REGEX_NO_MEMORY;
    pcre2_set_callout(c->match, count, &m);
    int r = pcre2_match(code, (PCRE2_SPTR)(text.s ? text.s : ""), text.n, 0, 0, data, c->match);
    pcre2_match_data_free(data);
    *work = m.work;
    if (r >= 0) return REGEX_YES;
    if (r == PCRE2_ERROR_NOMATCH) return REGEX_NO;
    if (r <= PCRE2_ERROR_UTF8_ERR1 && r >= PCRE2_ERROR_UTF8_ERR21) return REGEX_BAD_TEXT;
    return r == PCRE2_ERROR_NOMEMORY ? REGEX_NO_MEMORY : REGEX_COSTLY;
}

regex_result vm_regex_search(vm_regex_cache *c, pb_str text_of_pattern, pb_str text, uint64_t *work,
                             char message[200]) {
    regex_result r = REGEX_NO_MEMORY;
    *work = 0;
    message[0] = 0;
    if (text.n > REGEX_MAX_TEXT) return REGEX_TEXT_TOO_LONG;
    if (!ready(c)) return r;
    pcre2_code *code = cached(c, text_of_pattern);
    if (code) return search(c, code, text, work);
    code = compile(c, text_of_pattern, &r, message);
    if (!code) return r;
    bool kept = keep(c, text_of_pattern, code);
    r = search(c, code, text, work);
    if (!kept) pcre2_code_free(code);
    return r;
}
