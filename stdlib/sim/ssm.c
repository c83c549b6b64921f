/*
 * ssm.c - Parameter Store: the newest version of each parameter.
 */
#include "stdlib/sim/sim.h"

static const pb_str TOP = {"", 0};
enum { STANDARD_MAX = 4096, ADVANCED_MAX = 8192 };

static pb_value arn_of(sim_call *c, pb_str name) {
    bool rooted = name.n && name.s[0] == '/';
    return sim_text(c, "arn:%.*s:ssm:%.*s:%.*s:parameter%s%.*s", PB_ARG(c->partition), PB_ARG(c->region),
                    PB_ARG(c->account), rooted ? "" : "/", PB_ARG(name));
}

static bool name_valid(pb_str n) {
    for (uint32_t i = 0; i < n.n; i++) {
        char ch = n.s[i];
        bool word = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!word && !memchr("_.-/", ch, 4)) return false;
    }
    return n.n > 0 && !str_starts(n, "aws") && !str_starts(n, "ssm") && !str_starts(n, "/aws/") &&
           !str_starts(n, "/ssm/");
}

static pb_value put_parameter(sim_call *c) {
    pb_str name = get_text(c->in, "Name"), value = get_text(c->in, "Value");
    pb_value old = sim_get(c, K_PARAMETER, TOP, name), type = or_else(pb_get_c(c->in, "Type"), pb_get_c(old, "Type"));
    bool advanced = pb_str_is(get_text(c->in, "Tier"), "Advanced");
    if (!name_valid(name))
        return sim_fail(c, 400, "ValidationException",
                        "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive) and holds "
                        "letters, digits and the symbols .-_/ only.");
    if (is_set(old) && !get_bool(c->in, "Overwrite"))
        return sim_fail(
            c, 400, "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
    if (!is_set(type))
        return sim_fail(c, 400, "ValidationException", "A parameter type is required when you create a parameter.");
    if (value.n > (advanced ? ADVANCED_MAX : STANDARD_MAX))
        return sim_fail(c, 400, "ValidationException",
                        "%s tier parameters support a maximum parameter value of %d characters.",
                        advanced ? "Advanced" : "Standard", advanced ? ADVANCED_MAX : STANDARD_MAX);
    int64_t version = get_int(old, "Version", 0) + 1;
    pb_value tier = pb_string_c(advanced ? "Advanced" : "Standard");
    pb_value v = MAP(c, {"Name", pb_string(name)}, {"Type", type}, {"Value", pb_string(value)},
                     {"Version", pb_int(version)}, {"LastModifiedDate", pb_time(c->now)}, {"ARN", arn_of(c, name)},
                     {"DataType", or_else(pb_get_c(c->in, "DataType"), pb_string_c("text"))}, {"Tier", tier},
                     {"Description", or_else(pb_get_c(c->in, "Description"), pb_get_c(old, "Description"))},
                     {"Tags", or_else(pb_get_c(c->in, "Tags"), pb_get_c(old, "Tags"))});
    sim_put(c, K_PARAMETER, TOP, name, v);
    return MAP(c, {"Version", pb_int(version)}, {"Tier", tier});
}

/* A SecureString comes out encrypted unless decryption is asked for. */
static pb_value shown(sim_call *c, pb_value v) {
    if (!pb_str_is(get_text(v, "Type"), "SecureString") || get_bool(c->in, "WithDecryption")) return v;
    pb_str text = get_text(v, "Value");
    return sim_with(c, v, "Value",
                    sim_text(c, "AQICAHsimulated%.*s", PB_ARG(sigv4_sha256_hex(c->arena, text.s, text.n))));
}

static pb_value not_found(sim_call *c) { return sim_fail(c, 400, "ParameterNotFound", "The parameter was not found."); }

static pb_value get_parameter(sim_call *c) {
    pb_value v = sim_get(c, K_PARAMETER, TOP, get_text(c->in, "Name"));
    return is_set(v) ? MAP(c, {"Parameter", shown(c, v)}) : not_found(c);
}

static pb_value get_parameters(sim_call *c) {
    sim_items found = {0}, invalid = {0};
    pb_value names = pb_get_c(c->in, "Names");
    EACH(n, names) {
        pb_value v = sim_get(c, K_PARAMETER, TOP, pb_text(*n));
        if (is_set(v))
            items_add(c, &found, shown(c, v));
        else
            items_add(c, &invalid, *n);
    }
    return MAP(c, {"Parameters", items_list(c, &found)}, {"InvalidParameters", items_list(c, &invalid)});
}

static bool under(pb_str name, pb_str path, bool deep) {
    uint32_t n = path.n && path.s[path.n - 1] == '/' ? path.n - 1 : path.n;
    if (name.n <= n + 1 || memcmp(name.s, path.s, n) != 0 || name.s[n] != '/') return false;
    return deep || !memchr(name.s + n + 1, '/', name.n - n - 1);
}

static pb_value parameters_by_path(sim_call *c) {
    sim_items found = {0};
    pb_value all = sim_list_sorted(c, K_PARAMETER, NULL);
    if (!str_starts(get_text(c->in, "Path"), "/"))
        return sim_fail(c, 400, "ValidationException", "The parameter path must begin with a slash: /");
    EACH(v, all)
    if (under(get_text(*v, "Name"), get_text(c->in, "Path"), get_bool(c->in, "Recursive")))
        items_add(c, &found, shown(c, *v));
    return MAP(c, {"Parameters", items_list(c, &found)});
}

static pb_value describe_parameters(sim_call *c) {
    return MAP(c, {"Parameters", sim_list_sorted(c, K_PARAMETER, NULL)});
}

static pb_value delete_parameter(sim_call *c) {
    return sim_delete(c, K_PARAMETER, TOP, get_text(c->in, "Name")) ? PB_NONE_VALUE : not_found(c);
}

static pb_value delete_parameters(sim_call *c) {
    sim_items deleted = {0}, invalid = {0};
    pb_value names = pb_get_c(c->in, "Names");
    EACH(n, names) items_add(c, sim_delete(c, K_PARAMETER, TOP, pb_text(*n)) ? &deleted : &invalid, *n);
    return MAP(c, {"DeletedParameters", items_list(c, &deleted)}, {"InvalidParameters", items_list(c, &invalid)});
}

static const sim_operation operations[] = {
    {"PutParameter", put_parameter, NULL, NULL, 0},
    {"GetParameter", get_parameter, NULL, NULL, 0},
    {"GetParameters", get_parameters, NULL, NULL, 0},
    {"GetParametersByPath", parameters_by_path, NULL, "Parameters", 0},
    {"DescribeParameters", describe_parameters, NULL, "Parameters", 0},
    {"DeleteParameter", delete_parameter, NULL, NULL, 0},
    {"DeleteParameters", delete_parameters, NULL, NULL, 0},
};

static const sim_paging paging = {"NextToken", "NextToken", "MaxResults", NULL, "InvalidNextToken", 10, 1, false};

const sim_service sim_ssm = {"ssm", SIM_OPS(operations), &paging, NULL};
