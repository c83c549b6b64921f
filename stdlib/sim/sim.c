/*
 * sim.c - `pbrun sim`: a simulated AWS account on the loopback address, for tests, demonstrations and drills.
 *
 * This file reads the options, opens the state, and either serves it (http.c) or shows it (--show). What the account
 * can do stands in the tables of ec2.c, iam.c, s3.c and the others.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "stdlib/sim/sim.h"
#include "stdlib/stdlib.h"

/* A pair that opens nothing but this simulator; the first is as long as AWS's. */
static const char default_key[] = "AKIASIMULATEDACCOUNT";
static const char default_secret[] = "the-simulated-account-has-no-secrets-0000";

static const char usage[] =
    "usage: pbrun sim --port N [options]\n"
    "       pbrun sim --state FILE --show\n"
    "\n"
    "A simulated AWS account on 127.0.0.1 that ordinary AWS clients can talk to.\n"
    "\n"
    "  --port N               where to listen; 0 takes a free port and prints it\n"
    "  --state FILE           keep the account in this file (default: in memory)\n"
    "  --account DIGITS       account id (default 123456789012)\n"
    "  --region NAME          region of requests that name none (default us-east-1)\n"
    "  --access-key ID        the root user's access key (default $AWS_ACCESS_KEY_ID, else AKIASIMULATEDACCOUNT)\n"
    "  --secret-key SECRET    and its secret (default $AWS_SECRET_ACCESS_KEY, else a well-known one)\n"
    "  --seed TEXT            what identifiers are made from: the same seed and calls give the same ids\n"
    "  --fault SVC.OP=CODE[:N]  the next N calls (default 1) of an operation fail with this code;\n"
    "                         Close cuts the connection, Garbage answers with nonsense\n"
    "  --log                  a line for each request on standard error\n"
    "  --show                 print what the state file holds, and how often what was called, as JSON\n"
    "  --help                 this text\n";

typedef struct options {
    const char *port, *state, *account, *region, *access_key, *secret_key, *seed;
    bool log, show, help;
    sim *sim; /* faults go straight there */
} options;

typedef struct option_row {
    const char *name;
    size_t offset;
    bool flag;
} option_row;

static const option_row option_rows[] = {
    {"--port", offsetof(options, port), false},
    {"--state", offsetof(options, state), false},
    {"--account", offsetof(options, account), false},
    {"--region", offsetof(options, region), false},
    {"--access-key", offsetof(options, access_key), false},
    {"--secret-key", offsetof(options, secret_key), false},
    {"--seed", offsetof(options, seed), false},
    {"--log", offsetof(options, log), true},
    {"--show", offsetof(options, show), true},
    {"--help", offsetof(options, help), true},
    {"-h", offsetof(options, help), true},
};

static bool misuse(const char *what, const char *arg) {
    fprintf(stderr, "pbrun sim: %s: %s\n(pbrun sim --help lists the options)\n", arg, what);
    return false;
}

/* ec2.CreateTags=Throttling:2 */
static bool fault_add(sim *s, const char *text) {
    const char *equals = strchr(text, '='), *dot = strchr(text, '.'), *colon = equals ? strchr(equals, ':') : NULL;
    char *end = NULL;
    long times = colon ? strtol(colon + 1, &end, 10) : 1;
    if (!equals || !dot || dot > equals || equals[1] == 0 || equals[1] == ':')
        return misuse("a fault is written SERVICE.OPERATION=CODE or SERVICE.OPERATION=CODE:TIMES", text);
    if (times < 1 || times > 1000000 || (colon && (end == colon + 1 || *end)))
        return misuse("how often is a number from 1 to 1000000", text);
    if (s->nfaults == SIM_MAX_FAULTS) return misuse("more faults than can be kept (32)", text);
    pb_str code = {equals + 1, (uint32_t)(colon ? (size_t)(colon - equals - 1) : strlen(equals + 1))};
    s->faults[s->nfaults++] = (sim_fault){{text, (uint32_t)(equals - text)}, code, times};
    return true;
}

static const option_row *option_find(const char *name) {
    for (size_t i = 0; i < sizeof option_rows / sizeof *option_rows; i++)
        if (strcmp(name, option_rows[i].name) == 0) return &option_rows[i];
    return NULL;
}

static bool options_read(options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const option_row *row = option_find(argv[i]);
        bool fault = strcmp(argv[i], "--fault") == 0;
        if (!row && !fault) return misuse("there is no such option", argv[i]);
        if (row && row->flag) {
            *(bool *)((char *)o + row->offset) = true;
            continue;
        }
        if (i + 1 == argc) return misuse("a value must follow", argv[i]);
        i++;
        if (fault ? !fault_add(o->sim, argv[i]) : false) return false;
        if (row) memcpy((char *)o + row->offset, &argv[i], sizeof argv[i]);
    }
    return true;
}

static bool account_valid(const char *z) { return strlen(z) == 12 && strspn(z, "0123456789") == 12; }

static bool port_read(const char *text, int *port) {
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : -1;
    if (!text || !*text || *end || n < 0 || n > 65535) return false;
    *port = (int)n;
    return true;
}

static const char *either(const char *given, const char *variable, const char *otherwise) {
    const char *env = given ? NULL : getenv(variable);
    return given ? given : env && *env ? env : otherwise;
}

static int show(const sim *s, pb_arena *a) {
    struct json_object *o = pb_json_object(state_dump(s->state, a));
    if (!o) {
        fprintf(stderr, "pbrun sim: the state could not be read\n");
        return 5;
    }
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
    return 0;
}

/* The checks that need no state; the exit status, or -1 to go on. */
static int options_check(const options *o, sim *s, int *port) {
    if (o->show) return o->state ? -1 : (misuse("needs --state FILE", "--show"), 2);
    if (!port_read(o->port, port)) return misuse("a number from 0 to 65535 is needed", "--port"), 2;
    if (!account_valid(o->account)) return misuse("an account id is twelve digits", o->account), 2;
    if (!aws_partition(s->model, pb_str_c(o->region)).n) return misuse("no such region", o->region), 2;
    return -1;
}

static int open_and_go(const options *o, sim *s, pb_arena *a, int port) {
    pb_str err;
    s->state = state_open(o->state, o->show, a, &err);
    if (!s->state) {
        fprintf(stderr, "pbrun sim: %s: %.*s\n", o->state ? o->state : "the state", PB_ARG(err));
        return 1;
    }
    if (o->show) return show(s, a);
    s->keys = sigv4_keys_new();
    return s->keys ? http_serve(s, port) : 5;
}

int sim_main(int argc, char **argv) {
    sim s = {.model = aws_model_get()};
    options o = {.account = "123456789012", .region = "us-east-1", .seed = "sim", .sim = &s};
    int port = 0;
    if (!options_read(&o, argc, argv)) return 2;
    if (o.help) return fputs(usage, stdout) < 0 ? 5 : 0;
    int status = options_check(&o, &s, &port);
    if (status >= 0) return status;
    s.account = pb_str_c(o.account);
    s.region = pb_str_c(o.region);
    s.seed = pb_str_c(o.seed);
    s.access_key = pb_str_c(either(o.access_key, "AWS_ACCESS_KEY_ID", default_key));
    s.secret_key = pb_str_c(either(o.secret_key, "AWS_SECRET_ACCESS_KEY", default_secret));
    s.log = o.log;
    pb_arena *a = pb_arena_new(SIM_MAX_MEMORY);
    status = a ? open_and_go(&o, &s, a, port) : 5;
    state_close(s.state);
    sigv4_keys_free(s.keys);
    pb_arena_free(a);
    return status;
}
