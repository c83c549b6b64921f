/*
 * cmd_site.c - the site's settings for commands that run nothing: those of --site, else those of the program that a run
 * was begun with.
 *
 * Parameters come from --set, the run (what it was begun with, which has no secrets), the environment
 * (PB_PARAM_<NAME>), and the defaults, in this order. One that is set nowhere is none: the setting that needs it is
 * then absent.
 */
#include "vm/cmd_site.h"

#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"

#include <stdio.h>
#include <stdlib.h>

enum { VARIABLE_MAX = 256 };

static pb_str name_of(const vm_program *p, uint32_t i) {
    return vm_string(p, vm_field(p, SECTION_PARAMS, i, PARAMS_name));
}

static const char *set_text(const run_args *args, pb_str name) {
    for (size_t i = 0; i < args->nsets; i++)
        if (strncmp(args->sets[i], name.s, name.n) == 0 && args->sets[i][name.n] == '=')
            return args->sets[i] + name.n + 1;
    return NULL;
}

static const char *variable_text(pb_str name) {
    char variable[VARIABLE_MAX] = "PB_PARAM_";
    if (name.n + 10 > VARIABLE_MAX) return NULL;
    for (uint32_t i = 0; i < name.n; i++)
        variable[9 + i] = (char)(name.s[i] >= 'a' && name.s[i] <= 'z' ? name.s[i] - 32 : name.s[i]);
    variable[9 + name.n] = 0;
    return getenv(variable);
}

static bool parse(const vm_program *p, uint32_t i, const char *text, pb_arena *a, pb_value *out, pb_str *err) {
    pb_str why = {0}, copy = pb_strdup(a, text, strlen(text));
    if (copy.s && vm_parse_param(p, vm_field(p, SECTION_PARAMS, i, PARAMS_type), copy, a, out, &why)) return true;
    *err = pb_printf(a, "parameter `%.*s`: %.*s", PB_ARG(name_of(p, i)), PB_ARG(why));
    return false;
}

static bool settle(const vm_program *p, uint32_t i, const run_args *args, pb_value of_run, pb_arena *a, pb_value *out,
                   pb_str *err) {
    pb_str name = name_of(p, i);
    const char *text = set_text(args, name);
    *out = PB_NONE_VALUE;
    if (text) return parse(p, i, text, a, out, err);
    *out = pb_get(of_run, name);
    if (out->kind != PB_NONE && !(out->kind == PB_SECRET && !out->n)) return true;
    *out = PB_NONE_VALUE;
    if ((text = variable_text(name))) return parse(p, i, text, a, out, err);
    uint32_t c = vm_field(p, SECTION_PARAMS, i, PARAMS_has_default)
                     ? vm_field(p, SECTION_PARAMS, i, PARAMS_default_const)
                     : IMAGE_NIL;
    if (c != IMAGE_NIL) *out = vm_const(p, c);
    return true;
}

static bool compile(const char *path, pb_arena *a, pb_str *image, pb_str *err) {
    size_t n = 0;
    const builtin_source *builtins = stdlib_sources(&n);
    pb_buf out = {0};
    source_set *sources = NULL;
    diag_list *diags = diag_new(a);
    bool ok = diags && compile_paths(a, diags, &sources, aws_schema(), builtins, n, &path, 1, &out);
    *image = ok ? pb_strdup(a, out.data, out.len) : (pb_str){NULL, 0};
    *err = ok ? PB_STR("out of memory") : pb_printf(a, "%s does not compile; `pbc check %s` says why", path, path);
    pb_buf_free(&out);
    return image->s != NULL;
}

static bool is_image(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".pbx") == 0;
}

static vm_program *program_of(const run_args *args, store *s, const store_run *r, pb_arena *a, pb_str *err) {
    pb_str image;
    char sha[65];
    if (args->site && is_image(args->site)) return vm_program_open(args->site, a, err);
    if (args->site) return compile(args->site, a, &image, err) ? vm_program_load(image.s, image.n, a, err) : NULL;
    if (!s) return *err = PB_STR("there is no program: give --site FILE"), NULL;
    snprintf(sha, sizeof sha, "%.*s", PB_ARG(r->image));
    if (store_image_get(s, sha, a, &image) == STORE_OK) return vm_program_load(image.s, image.n, a, err);
    *err = PB_STR("the store does not hold the run's program: give --site FILE");
    return NULL;
}

bool cmd_site_of_run(const run_args *args, store *s, const store_run *r, pb_arena *a, pb_site *out, pb_str *err) {
    vm_program *p = program_of(args, s, r, a, err);
    if (!p) return false;
    uint32_t n = vm_count(p, SECTION_PARAMS);
    pb_value *params = pb_alloc_array(a, n ? n : 1, sizeof *params);
    bool ok = params != NULL;
    for (uint32_t i = 0; ok && i < n; i++) ok = settle(p, i, args, r->params, a, &params[i], err);
    if (ok && !vm_has_site(p)) {
        *err = PB_STR("the run's program has no site block: give --site FILE");
        ok = false;
    }
    return ok && vm_site_of(p, params, a, out, err); /* its texts are in the program, which is not closed therefore */
}
