/*
 * site.c - reads the site's settings. What the compiler has checked of constant ones is checked here again: a parameter
 * can hold anything, and an image need not come from our compiler. A setting that this version does not know is
 * refused: it would be a rule that is not kept.
 */
#include "vm/site.h"

enum { ROLE_MAX = 512 + 64, EXTERNAL_ID_MIN = 2, EXTERNAL_ID_MAX = 1224 /* IAM's and STS's limits */ };

static bool is_role(pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("_+=,.@/-", c))) return false;
    }
    return s.n && s.n <= ROLE_MAX && s.s[0] != '/' && s.s[s.n - 1] != '/';
}

static bool is_external_id(pb_str s) { return s.n >= EXTERNAL_ID_MIN && s.n <= EXTERNAL_ID_MAX; }

static const struct {
    const char *key;
    size_t at;
    bool (*is)(pb_str);
    const char *form;
} settings[] = {
    {"role", offsetof(pb_site, role), is_role, "the name of a role"},
    {"external_id", offsetof(pb_site, external_id), is_external_id, "2 to 1224 characters"},
    {"home", offsetof(pb_site, home), text_is_account, "the 12 digits of an account id"},
};
enum { SETTINGS_KNOWN = sizeof settings / sizeof *settings };

static pb_str text_at(const vm_program *p, uint32_t i, uint32_t field) {
    return vm_string(p, vm_field(p, SECTION_SETTINGS, i, field));
}

static pb_str value_of(const vm_program *p, const pb_value *params, uint32_t i) {
    uint32_t param = vm_field(p, SECTION_SETTINGS, i, SETTINGS_param);
    if (param == IMAGE_NIL) return text_at(p, i, SETTINGS_text);
    pb_value v = params[param];
    return v.kind == PB_STRING || v.kind == PB_SECRET ? pb_text(v) : (pb_str){0};
}

static bool take(const vm_program *p, const pb_value *params, uint32_t i, pb_arena *a, pb_site *out, pb_str *err) {
    pb_str section = text_at(p, i, SETTINGS_section), key = text_at(p, i, SETTINGS_key), v = value_of(p, params, i);
    for (int k = 0; pb_str_is(section, "accounts") && k < SETTINGS_KNOWN; k++) {
        if (!pb_str_is(key, settings[k].key)) continue;
        memcpy((char *)out + settings[k].at, &v, sizeof v);
        if (settings[k].is(v)) return true;
        *err = pb_printf(a, "site: `%s` of `accounts` must be %s", settings[k].key, settings[k].form);
        return false;
    }
    *err = pb_printf(a, "site: this pbrun does not know the setting `%.*s` of `%.*s`", PB_ARG(key), PB_ARG(section));
    return false;
}

bool vm_has_site(const vm_program *p) { return vm_count(p, SECTION_SETTINGS) > 0; }

bool vm_site_of(const vm_program *p, const pb_value *params, pb_arena *a, pb_site *out, pb_str *err) {
    *out = (pb_site){0};
    for (uint32_t i = 0; i < vm_count(p, SECTION_SETTINGS); i++)
        if (!take(p, params, i, a, out, err)) return false;
    if (!out->role.n && vm_has_site(p)) *err = PB_STR("site: `accounts` has no `role`");
    return out->role.n || !vm_has_site(p);
}
