/*
 * dis.c - a program image as text (pbc dis), for people and for tests.
 *
 * The layout check (image.c) has made every record safe to follow; what it does not look at are instructions, so each
 * operand is held against its range here and shown as `?` when it is out of it. The operand kinds come from
 * opcodes.def: an instruction that is added there needs nothing here.
 *
 * What is printed is bounded: texts are cut, types are shown a few levels deep.
 */
#include "lang/compile.h"
#include "lang/image.h"
#include "lang/opcodes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    TEXT_MAX = 100,  /* bytes of a text shown */
    TYPE_LEVELS = 3, /* of a type shown */
    TYPE_FIELDS = 8,
    LINE_BITS = 20
};

typedef struct dis {
    const image_view *v;
    pb_buf *out;
    pb_arena *arena;
    /* the function being printed */
    uint32_t code, ncode, consts, nconsts;
    uint32_t *labels; /* by pc, one more than ncode: number of the label there, 0: none */
} dis;

static const char *const builtin_names[] = {
#define BUILTIN(name, spelling, receiver, params, result, text) spelling,
#include "lang/builtins.def"
#undef BUILTIN
};
enum { BUILTINS = sizeof builtin_names / sizeof *builtin_names };

static const char *const type_names[] = {"any", "bool", "int", "float",  "string", "bytes", "duration", "time",
                                         "ip",  "cidr", "arn", "secret", "list",   "map",   "record"};
static const char *const function_kinds[] = {"fn", "action", "match", "body"};
static const char *const tier_names[] = {"auto", "approve", "manual"};

static uint32_t field(const dis *d, enum image_section s, uint32_t index, uint32_t f) {
    return image_field(d->v, s, index, f);
}

/* ---- texts ---- */

/* Text as it stands, with control characters as `?`, cut. */
static void put_plain(dis *d, uint32_t string) {
    uint32_t n, i;
    const char *s = image_text(d->v, string, &n);
    for (i = 0; i < n && i < TEXT_MAX; i++) pb_buf_putc(d->out, (uint8_t)s[i] < ' ' || s[i] == 127 ? '?' : s[i]);
    for (; i < n && i >= TEXT_MAX && ((uint8_t)s[i] & 0xc0) == 0x80; i++) pb_buf_putc(d->out, s[i]);
    if (i < n) pb_buf_puts(d->out, "…");
}

/* Text in quotes, as it would be written in a source file. */
static void put_quoted(dis *d, uint32_t string) {
    uint32_t n, i;
    const char *s = image_text(d->v, string, &n);
    pb_buf_putc(d->out, '"');
    for (i = 0; i < n && (i < TEXT_MAX || ((uint8_t)s[i] & 0xc0) == 0x80); i++) {
        char c = s[i];
        if (c == '"' || c == '\\')
            pb_buf_printf(d->out, "\\%c", c);
        else if (c == '\n')
            pb_buf_puts(d->out, "\\n");
        else if ((uint8_t)c < ' ' || c == 127)
            pb_buf_printf(d->out, "\\u{%x}", (unsigned)(uint8_t)c);
        else
            pb_buf_putc(d->out, c);
    }
    pb_buf_puts(d->out, i < n ? "…\"" : "\"");
}

static void put_duration(dis *d, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ms % units[i].ms == 0 && (ms || units[i].ms == 1000)) {
            pb_buf_printf(d->out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
            return;
        }
}

static void put_float(dis *d, uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    pb_buf_printf(d->out, "%.17g%s", x, isfinite(x) && floor(x) == x && fabs(x) < 1e15 ? ".0" : "");
}

static void put_const(dis *d, uint32_t global) {
    uint32_t low = field(d, SECTION_CONSTS, global, CONSTS_low);
    uint64_t value = low | (uint64_t)field(d, SECTION_CONSTS, global, CONSTS_high) << 32;
    switch ((enum image_const)field(d, SECTION_CONSTS, global, CONSTS_kind)) {
    case CONST_NONE: pb_buf_puts(d->out, "none"); break;
    case CONST_BOOL: pb_buf_puts(d->out, low ? "true" : "false"); break;
    case CONST_INT: pb_buf_printf(d->out, "%" PRId64, (int64_t)value); break;
    case CONST_FLOAT: put_float(d, value); break;
    case CONST_STRING: put_quoted(d, low); break;
    case CONST_DURATION: put_duration(d, (int64_t)value); break;
    }
}

static void put_type(dis *d, uint32_t type, int levels);

static void put_record_type(dis *d, uint32_t type, int levels) {
    uint32_t list = field(d, SECTION_TYPES, type, TYPES_fields), n = 0;
    image_item(d->v, list, 0, &n);
    pb_buf_puts(d->out, "{");
    for (uint32_t i = 0; i < n && i < 2 * TYPE_FIELDS; i += 2) {
        pb_buf_puts(d->out, i ? ", " : " ");
        put_plain(d, image_item(d->v, list, i, NULL));
        pb_buf_puts(d->out, ": ");
        put_type(d, image_item(d->v, list, i + 1, NULL), levels - 1);
    }
    pb_buf_puts(d->out, n > 2 * TYPE_FIELDS ? ", … }" : " }");
}

static void put_type(dis *d, uint32_t type, int levels) {
    uint32_t kind = field(d, SECTION_TYPES, type, TYPES_kind), name = field(d, SECTION_TYPES, type, TYPES_name);
    if (name != IMAGE_NIL)
        put_plain(d, name);
    else if (levels == 0)
        pb_buf_puts(d->out, "…");
    else if (kind == IMAGE_TYPE_RECORD)
        put_record_type(d, type, levels);
    else
        pb_buf_puts(d->out, type_names[kind]);
    if (name == IMAGE_NIL && levels && (kind == IMAGE_TYPE_LIST || kind == IMAGE_TYPE_MAP)) {
        pb_buf_putc(d->out, '[');
        put_type(d, field(d, SECTION_TYPES, type, TYPES_elem), levels - 1);
        pb_buf_putc(d->out, ']');
    }
    if (field(d, SECTION_TYPES, type, TYPES_optional)) pb_buf_putc(d->out, '?');
}

static void put_place(dis *d, uint32_t source, uint32_t line) {
    put_plain(d, field(d, SECTION_SOURCES, source, SOURCES_path));
    pb_buf_printf(d->out, ":%u", line);
}

/* ---- instructions ---- */

static bool is_jump(const op_info *o) { return o->b == OPERAND_J; }

/* Where the jump at pc goes; false when outside the function. */
static bool jump_target(const dis *d, uint32_t pc, uint32_t word, uint32_t *target) {
    int64_t t = (int64_t)pc + 1 + op_sbx(word);
    *target = (uint32_t)t;
    return t >= 0 && t <= d->ncode;
}

static uint32_t word_at(const dis *d, uint32_t pc) { return field(d, SECTION_CODE, d->code + pc, 0); }

/* Numbers the places that are jumped to, from 1, in their order. */
static bool find_labels(dis *d) {
    d->labels = pb_alloc_array(d->arena, (size_t)d->ncode + 1, sizeof *d->labels);
    uint32_t target, number = 0;
    if (!d->labels) return false;
    for (uint32_t pc = 0; pc < d->ncode; pc++) {
        uint32_t w = word_at(d, pc);
        if (op_code(w) < OPCODE_COUNT && is_jump(&op_table[op_code(w)]) && jump_target(d, pc, w, &target))
            d->labels[target] = 1;
    }
    for (uint32_t pc = 0; pc <= d->ncode; pc++)
        if (d->labels[pc]) d->labels[pc] = ++number;
    return true;
}

static void put_index(dis *d, const char *what, uint32_t n) { pb_buf_printf(d->out, "%s %u?", what, n); }

static void put_function_name(dis *d, uint32_t f) {
    if (f >= d->v->count[SECTION_FUNCTIONS])
        put_index(d, "function", f);
    else
        put_plain(d, field(d, SECTION_FUNCTIONS, f, FUNCTIONS_name));
}

static void put_site_name(dis *d, uint32_t s) {
    if (s >= d->v->count[SECTION_SITES]) {
        put_index(d, "site", s);
        return;
    }
    pb_buf_printf(d->out, "#%u ", s);
    put_plain(d, field(d, SECTION_SITES, s, SITES_name));
}

static void put_param_name(dis *d, uint32_t p) {
    if (p >= d->v->count[SECTION_PARAMS])
        put_index(d, "param", p);
    else
        put_plain(d, field(d, SECTION_PARAMS, p, PARAMS_name));
}

static void put_operand(dis *d, op_kind kind, uint32_t n, uint32_t pc, uint32_t word) {
    uint32_t target;
    switch (kind) {
    case OPERAND_W:
    case OPERAND_R:
    case OPERAND_RW: pb_buf_printf(d->out, "r%u", n); break;
    case OPERAND_K:
        if (n < d->nconsts)
            put_const(d, d->consts + n);
        else
            put_index(d, "constant", n);
        break;
    case OPERAND_F: put_function_name(d, n); break;
    case OPERAND_S: put_site_name(d, n); break;
    case OPERAND_P: put_param_name(d, n); break;
    case OPERAND_T:
        if (n < d->v->count[SECTION_TYPES])
            put_type(d, n, TYPE_LEVELS);
        else
            put_index(d, "type", n);
        break;
    case OPERAND_U:
        if (n < BUILTINS)
            pb_buf_puts(d->out, builtin_names[n]);
        else
            put_index(d, "built-in", n);
        break;
    case OPERAND_J:
        if (jump_target(d, pc, word, &target))
            pb_buf_printf(d->out, "L%u", d->labels[target]);
        else
            pb_buf_printf(d->out, "%+d?", op_sbx(word));
        break;
    case OPERAND_I: pb_buf_printf(d->out, "%d", (int)n); break;
    case OPERAND_N: pb_buf_printf(d->out, "×%u", n); break;
    case OPERAND__: break;
    }
}

static void put_instruction(dis *d, uint32_t pc) {
    uint32_t w = word_at(d, pc);
    if (op_code(w) >= OPCODE_COUNT) {
        pb_buf_printf(d->out, "%6u  ?         %08x\n", pc, w);
        return;
    }
    const op_info *o = &op_table[op_code(w)];
    const op_kind kinds[] = {o->a, o->b, o->format == FORMAT_ABC ? o->c : OPERAND__};
    const uint32_t wide = o->format == FORMAT_AsBx ? (uint32_t)op_sbx(w) : op_bx(w);
    const uint32_t values[] = {op_a(w), o->format == FORMAT_ABC ? op_b(w) : wide, op_c(w)};
    const char *before = "";
    pb_buf_printf(d->out, o->a == OPERAND__ && o->b == OPERAND__ ? "%6u  %s" : "%6u  %-9s ", pc, o->name);
    for (int i = 0; i < 3; i++) {
        if (kinds[i] == OPERAND__) continue;
        pb_buf_puts(d->out, before);
        put_operand(d, kinds[i], values[i], pc, w);
        before = ", ";
    }
    pb_buf_putc(d->out, '\n');
}

static void put_code(dis *d) {
    uint32_t shown = UINT32_MAX;
    for (uint32_t pc = 0; pc <= d->ncode; pc++) {
        if (d->labels[pc]) pb_buf_printf(d->out, "  L%u:\n", d->labels[pc]);
        if (pc == d->ncode) break;
        uint32_t place = field(d, SECTION_LINES, d->code + pc, 0);
        if (place != shown) {
            pb_buf_puts(d->out, "          ; ");
            put_place(d, place >> LINE_BITS, place & ((1u << LINE_BITS) - 1));
            pb_buf_putc(d->out, '\n');
        }
        shown = place;
        put_instruction(d, pc);
    }
}

static void put_strings(dis *d, const char *label, uint32_t list, const char *when_empty);

/* The lines about what an action acts on and how it is undone. */
static void put_undo(dis *d, uint32_t f) {
    uint32_t target = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_target),
             undo = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_undo),
             none = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_undo_none),
             captured = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_ncaptured);
    uint32_t params = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_params);
    if (params != IMAGE_NIL) put_strings(d, "parameters", params, NULL);
    if (target != IMAGE_NIL) pb_buf_printf(d->out, "  on parameter %u\n", target);
    if (undo != IMAGE_NIL)
        pb_buf_printf(d->out, "  undone by function %u, with %u captured value%s\n", undo, captured,
                      captured == 1 ? "" : "s");
    if (none == IMAGE_NIL) return;
    pb_buf_puts(d->out, "  cannot be undone: ");
    put_plain(d, none);
    pb_buf_putc(d->out, '\n');
}

static bool put_function(dis *d, uint32_t f) {
    uint32_t kind = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_kind),
             nparams = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_nparams);
    d->code = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_code);
    d->ncode = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_ncode);
    d->consts = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_consts);
    d->nconsts = field(d, SECTION_FUNCTIONS, f, FUNCTIONS_nconsts);
    pb_buf_printf(d->out, "\nfunction %u  ", f);
    put_plain(d, field(d, SECTION_FUNCTIONS, f, FUNCTIONS_name));
    pb_buf_printf(d->out, "\n  %s, effect %s, %u parameter%s, %u registers, %u instructions\n", function_kinds[kind],
                  pb_effect_name((pb_effect)field(d, SECTION_FUNCTIONS, f, FUNCTIONS_effect)), nparams,
                  nparams == 1 ? "" : "s", field(d, SECTION_FUNCTIONS, f, FUNCTIONS_nregs), d->ncode);
    put_undo(d, f);
    if (!find_labels(d)) return false;
    put_code(d);
    return true;
}

/* ---- tables ---- */

/* "  label  text" of a string that may be missing. */
static void put_line(dis *d, const char *label, uint32_t string) {
    if (string == IMAGE_NIL) return;
    pb_buf_printf(d->out, "  %-12s ", label);
    put_plain(d, string);
    pb_buf_putc(d->out, '\n');
}

static void put_strings(dis *d, const char *label, uint32_t list, const char *when_empty) {
    uint32_t n = 0;
    image_item(d->v, list, 0, &n);
    if (!n && !when_empty) return;
    pb_buf_printf(d->out, "  %-12s %s", label, n ? "" : when_empty);
    for (uint32_t i = 0; i < n && i < TEXT_MAX; i++) {
        pb_buf_puts(d->out, i ? ", " : "");
        put_plain(d, image_item(d->v, list, i, NULL));
    }
    pb_buf_puts(d->out, n > TEXT_MAX ? ", …\n" : "\n");
}

/* What a playbook's header says about its runs. */
static void put_bounds(dis *d, const uint32_t *f) {
    if (f[PLAYBOOKS_timeout]) {
        pb_buf_printf(d->out, "  %-12s ", "timeout");
        put_duration(d, f[PLAYBOOKS_timeout]);
        pb_buf_putc(d->out, '\n');
    }
    if (f[PLAYBOOKS_dedupe] != IMAGE_NIL) {
        pb_buf_printf(d->out, "  %-12s function %u within ", "dedupe", f[PLAYBOOKS_dedupe]);
        put_duration(d, f[PLAYBOOKS_dedupe_ms]);
        pb_buf_putc(d->out, '\n');
    }
    if (f[PLAYBOOKS_limit]) {
        pb_buf_printf(d->out, "  %-12s %u per ", "limit", f[PLAYBOOKS_limit]);
        put_duration(d, f[PLAYBOOKS_limit_ms]);
        pb_buf_puts(d->out, f[PLAYBOOKS_limit_else] == LIMIT_APPROVE ? " else approve\n" : " else stop\n");
    }
    if (f[PLAYBOOKS_concurrency]) pb_buf_printf(d->out, "  %-12s %u\n", "concurrency", f[PLAYBOOKS_concurrency]);
}

static void put_playbook(dis *d, uint32_t i) {
    uint32_t f[PLAYBOOKS_FIELDS];
    for (uint32_t k = 0; k < PLAYBOOKS_FIELDS; k++) f[k] = field(d, SECTION_PLAYBOOKS, i, k);
    pb_buf_puts(d->out, "\nplaybook ");
    put_plain(d, f[PLAYBOOKS_name]);
    pb_buf_putc(d->out, '\n');
    put_line(d, "version", f[PLAYBOOKS_version]);
    put_line(d, "summary", f[PLAYBOOKS_summary]);
    put_line(d, "owner", f[PLAYBOOKS_owner]);
    pb_buf_printf(d->out, "  %-12s %s\n  %-12s %s\n", "tier", tier_names[f[PLAYBOOKS_tier]], "effect",
                  pb_effect_name((pb_effect)f[PLAYBOOKS_effect]));
    put_strings(d, "controls", f[PLAYBOOKS_controls], NULL);
    put_line(d, "event", field(d, SECTION_EVENTS, f[PLAYBOOKS_event], EVENTS_name));
    put_line(d, "source", field(d, SECTION_SOURCES, f[PLAYBOOKS_source], SOURCES_path));
    pb_buf_printf(d->out, "  %-12s function %u\n  %-12s function %u\n", "match", f[PLAYBOOKS_match], "body",
                  f[PLAYBOOKS_body]);
    put_bounds(d, f);
}

static void put_guard(dis *d, uint32_t i) {
    pb_buf_puts(d->out, "\nguard ");
    put_plain(d, field(d, SECTION_GUARDS, i, GUARDS_name));
    pb_buf_putc(d->out, '\n');
    put_strings(d, "on", field(d, SECTION_GUARDS, i, GUARDS_patterns), "nothing");
    put_line(d, "unless", field(d, SECTION_GUARDS, i, GUARDS_authorized));
    pb_buf_printf(d->out, "  %-12s function %u\n  %-12s ", "decides", field(d, SECTION_GUARDS, i, GUARDS_function),
                  "source");
    put_place(d, field(d, SECTION_GUARDS, i, GUARDS_source), field(d, SECTION_GUARDS, i, GUARDS_line));
    pb_buf_putc(d->out, '\n');
}

static void put_event(dis *d, uint32_t i) {
    pb_buf_puts(d->out, "\nevent ");
    put_plain(d, field(d, SECTION_EVENTS, i, EVENTS_name));
    pb_buf_putc(d->out, '\n');
    put_strings(d, "source", field(d, SECTION_EVENTS, i, EVENTS_sources), "any");
    put_strings(d, "detail_type", field(d, SECTION_EVENTS, i, EVENTS_detail_types), "any");
    put_line(d, "payload", field(d, SECTION_EVENTS, i, EVENTS_payload));
    put_line(d, "each", field(d, SECTION_EVENTS, i, EVENTS_each));
    put_line(d, "id", field(d, SECTION_EVENTS, i, EVENTS_id));
    put_line(d, "threat", field(d, SECTION_EVENTS, i, EVENTS_threat));
    put_line(d, "detected", field(d, SECTION_EVENTS, i, EVENTS_detected));
    put_line(d, "account", field(d, SECTION_EVENTS, i, EVENTS_account));
    put_line(d, "region", field(d, SECTION_EVENTS, i, EVENTS_region));
    put_line(d, "sample", field(d, SECTION_EVENTS, i, EVENTS_sample));
    put_strings(d, "resources", field(d, SECTION_EVENTS, i, EVENTS_resources), NULL);
    put_strings(d, "principal", field(d, SECTION_EVENTS, i, EVENTS_principals), NULL);
}

static void put_param(dis *d, uint32_t i) {
    pb_buf_puts(d->out, "  ");
    put_plain(d, field(d, SECTION_PARAMS, i, PARAMS_name));
    pb_buf_puts(d->out, ": ");
    put_type(d, field(d, SECTION_PARAMS, i, PARAMS_type), TYPE_LEVELS);
    pb_buf_puts(d->out, field(d, SECTION_PARAMS, i, PARAMS_has_default) ? " = " : "   must be set");
    if (field(d, SECTION_PARAMS, i, PARAMS_has_default))
        put_const(d, field(d, SECTION_PARAMS, i, PARAMS_default_const));
    pb_buf_putc(d->out, '\n');
}

static void put_site(dis *d, uint32_t i) {
    uint32_t f[SITES_FIELDS];
    for (uint32_t k = 0; k < SITES_FIELDS; k++) f[k] = field(d, SECTION_SITES, i, k);
    pb_buf_printf(d->out, "  #%-3u %-7s %s", i, pb_effect_name((pb_effect)f[SITES_effect]),
                  f[SITES_flags] & SITE_IS_DO ? "do " : "");
    put_plain(d, f[SITES_title]);
    if (f[SITES_alias] != IMAGE_NIL) {
        pb_buf_puts(d->out, " as ");
        put_plain(d, f[SITES_alias]);
    }
    if (f[SITES_timeout]) {
        pb_buf_puts(d->out, " timeout ");
        put_duration(d, f[SITES_timeout]);
    }
    if (f[SITES_retry]) pb_buf_printf(d->out, " retry %u", f[SITES_retry]);
    pb_buf_puts(d->out, f[SITES_kind] == SITE_HOST ? "\n               host " : "\n               action ");
    put_plain(d, f[SITES_kind] == SITE_HOST ? f[SITES_target]
                                            : field(d, SECTION_FUNCTIONS, f[SITES_target], FUNCTIONS_name));
    pb_buf_puts(d->out, ", ");
    put_place(d, f[SITES_source], f[SITES_line]);
    pb_buf_putc(d->out, '\n');
}

static void put_source(dis *d, uint32_t i) {
    pb_buf_puts(d->out, "  ");
    put_plain(d, field(d, SECTION_SOURCES, i, SOURCES_path));
    pb_buf_puts(d->out, "\n    sha256 ");
    put_plain(d, field(d, SECTION_SOURCES, i, SOURCES_sha));
    pb_buf_putc(d->out, '\n');
}

static void put_manifest(dis *d, uint32_t i) {
    pb_buf_printf(d->out, "  %-7s ", pb_effect_name((pb_effect)field(d, SECTION_MANIFEST, i, MANIFEST_effect)));
    put_plain(d, field(d, SECTION_MANIFEST, i, MANIFEST_host));
    pb_buf_putc(d->out, '\n');
}

static void put_setting(dis *d, uint32_t i) {
    uint32_t param = field(d, SECTION_SETTINGS, i, SETTINGS_param), text = field(d, SECTION_SETTINGS, i, SETTINGS_text);
    pb_buf_puts(d->out, "  ");
    put_plain(d, field(d, SECTION_SETTINGS, i, SETTINGS_section));
    if (field(d, SECTION_SETTINGS, i, SETTINGS_name) != IMAGE_NIL) {
        pb_buf_putc(d->out, ' ');
        put_quoted(d, field(d, SECTION_SETTINGS, i, SETTINGS_name));
    }
    uint32_t key_size;
    image_text(d->v, field(d, SECTION_SETTINGS, i, SETTINGS_key), &key_size);
    if (key_size) pb_buf_putc(d->out, ' ');
    put_plain(d, field(d, SECTION_SETTINGS, i, SETTINGS_key));
    pb_buf_puts(d->out, param == IMAGE_NIL ? ": " : ": parameter ");
    put_plain(d, param == IMAGE_NIL ? text : field(d, SECTION_PARAMS, param, PARAMS_name));
    pb_buf_putc(d->out, '\n');
}

/* All records of a section, under a title when there are any. */
static void put_table(dis *d, enum image_section s, const char *title, void (*put)(dis *, uint32_t)) {
    if (d->v->count[s] && title) pb_buf_printf(d->out, "\n%s\n", title);
    for (uint32_t i = 0; i < d->v->count[s] && !d->out->oom; i++) put(d, i);
}

static bool put_program(dis *d) {
    const uint32_t *n = d->v->count;
    pb_buf_printf(d->out, "program image, format %d, %u bytes: %u playbooks, %u functions, %u instructions, %u sites\n",
                  IMAGE_VERSION, d->v->size, n[SECTION_PLAYBOOKS], n[SECTION_FUNCTIONS], n[SECTION_CODE],
                  n[SECTION_SITES]);
    put_table(d, SECTION_PLAYBOOKS, NULL, put_playbook);
    put_table(d, SECTION_GUARDS, NULL, put_guard);
    put_table(d, SECTION_EVENTS, NULL, put_event);
    put_table(d, SECTION_PARAMS, "parameters", put_param);
    put_table(d, SECTION_MANIFEST, "manifest: every host that can be reached", put_manifest);
    put_table(d, SECTION_SETTINGS, "site", put_setting);
    put_table(d, SECTION_SITES, "sites", put_site);
    for (uint32_t f = 0; f < n[SECTION_FUNCTIONS] && !d->out->oom; f++)
        if (!put_function(d, f)) return false;
    put_table(d, SECTION_SOURCES, "sources", put_source);
    return !d->out->oom;
}

bool disassemble(const void *image, size_t size, pb_buf *out, pb_str *err, pb_arena *a) {
    image_view v;
    char why[IMAGE_ERR_MAX];
    if (!image_layout_check(image, size, &v, why)) {
        *err = pb_strdup(a, why, strlen(why));
        return false;
    }
    dis d = {.v = &v, .out = out, .arena = a};
    if (put_program(&d)) return true;
    *err = PB_STR("out of memory");
    return false;
}
