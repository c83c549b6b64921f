/*
 * options.c - a small parser of command lines: --name value, --name=value, -x value, -xvalue, -- ends the options.
 * A misspelt name is answered with the nearest one.
 */
#include "vm/options.h"

#include <stdio.h>

void options_begin(options *o, int argc, char **argv, const option_row *rows, size_t nrows) {
    *o = (options){.argc = argc, .at = 1, .argv = argv, .rows = rows, .nrows = nrows};
}

static int unknown(options *o, pb_str name) {
    const char *near = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < o->nrows; i++) {
        unsigned d = pb_edit_distance(name, pb_str_c(o->rows[i].name), best);
        if (d < best) best = d, near = o->rows[i].name;
    }
    snprintf(o->error, sizeof o->error, "unknown option --%.*s%s%s%s", name.n > 64 ? 64 : (int)name.n, name.s,
             near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
    return OPTIONS_ERROR;
}

static int take_value(options *o, size_t row, const char *attached, const char **value) {
    const option_row *r = &o->rows[row];
    *value = attached;
    if (!r->value && attached) {
        snprintf(o->error, sizeof o->error, "option --%s takes no value", r->name);
        return OPTIONS_ERROR;
    }
    if (!r->value || attached) return (int)row;
    if (o->at >= o->argc) {
        snprintf(o->error, sizeof o->error, "option --%s needs a value: --%s %s", r->name, r->name, r->value);
        return OPTIONS_ERROR;
    }
    *value = o->argv[o->at++];
    return (int)row;
}

static int long_option(options *o, const char *text, const char **value) {
    const char *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);
    for (size_t i = 0; i < o->nrows; i++)
        if (strlen(o->rows[i].name) == n && memcmp(o->rows[i].name, text, n) == 0)
            return take_value(o, i, equals ? equals + 1 : NULL, value);
    return unknown(o, (pb_str){text, (uint32_t)n});
}

int options_next(options *o, const char **value) {
    if (o->at >= o->argc) return OPTIONS_END;
    const char *text = o->argv[o->at++];
    if (!o->words_only && strcmp(text, "--") == 0) {
        o->words_only = true;
        return options_next(o, value);
    }
    *value = text;
    if (o->words_only || text[0] != '-' || text[1] == 0) return OPTIONS_WORD;
    if (text[1] == '-') return long_option(o, text + 2, value);
    for (size_t i = 0; i < o->nrows; i++)
        if (o->rows[i].letter == text[1]) return take_value(o, i, text[2] ? text + 2 : NULL, value);
    snprintf(o->error, sizeof o->error, "unknown option -%c", text[1] >= ' ' && text[1] < 0x7f ? text[1] : '?');
    return OPTIONS_ERROR;
}

void options_help(const option_row *rows, size_t nrows, pb_buf *out) {
    for (size_t i = 0; i < nrows; i++) {
        char left[64];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", rows[i].letter ? '-' : ' ', rows[i].letter ? rows[i].letter : ' ',
                 rows[i].letter ? ", " : "  ", rows[i].name, rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        pb_buf_printf(out, "  %-24s %s\n", left, rows[i].help);
    }
}

bool options_duration(const char *text, int64_t *ms) {
    static const struct { const char *unit; int64_t ms; } units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const int64_t year = 365 * (int64_t)86400000;
    int64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if ((n = n * 10 + (*p - '0')) > year) return false;
    for (size_t i = 0; p != text && i < sizeof units / sizeof *units; i++) {
        if (strcmp(p, units[i].unit) != 0) continue;
        *ms = n * units[i].ms; /* both factors are below 2^36 */
        return n > 0 && *ms <= year;
    }
    return false;
}
