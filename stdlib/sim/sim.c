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
    "  --secret-key SECRET    and its secret (default $AWS_SECRET_ACCESS_KEY, else\n                         the-simulated-account-has-no-secrets-0000)\n"
    "  --session-seconds N    sessions of assumed roles end after N seconds, whatever was asked for\n"
    "  --seed TEXT            what identifiers are made from: the same seed and calls give the same ids\n"
    "  --page-size N          no page of a list holds more than N items\n"
    "  --empty-pages          before each page of a list comes an empty one with a token\n"
    "  --fault SVC.OP=CODE[@STATUS][:N]  the next N calls (default 1) of an operation (a glob: ec2.*) fail with this\n"
    "                         code; nothing is done then. Close cuts the connection, Garbage answers with nonsense;\n"
    "                         Lost does what was asked and cuts the connection, Half after half of the answer;\n"
    "                         partial lets the first item of a batch fail\n"
    "  --throttle SVC.OP=RATE[:BURST]    more calls a second are refused, in the service's own words\n"
    "  --delay SVC.OP=200ms[:N]          the answer comes so much later, always or N times\n"
    "  --control TOKEN        let POST, GET and DELETE /_sim/trouble with the header X-Sim-Token: TOKEN add, list and\n"
    "                         forget rules while the account runs, one a line: fault ec2.CreateTags=Throttling:2\n"
    "  --log                  a line for each request on standard error\n"
    "  --show                 print what the state file holds, and how often what was called, as JSON\n"
    "  --help                 this text\n";

typedef struct options {
    const char *port, *state, *account, *region, *access_key, *secret_key, *seed, *session_seconds, *control;
    bool log, show, help;
    sim *sim; /* rules go straight there */
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
    {"--session-seconds", offsetof(options, session_seconds), false},
    {"--control", offsetof(options, control), false},
    {"--log", offsetof(options, log), true},
    {"--show", offsetof(options, show), true},
    {"--help", offsetof(options, help), true},
    {"-h", offsetof(options, help), true},
};

static bool misuse(const char *what, const char *arg) {
    fprintf(stderr, "pbrun sim: %s: %s\n(pbrun sim --help lists the options)\n", arg, what);
    return false;
}

/* A rule of trouble.c: --fault, --throttle and so on. The arguments that it took; 0 with the misuse told. */
static int rule_read(sim *s, const char *name, const char *value) {
    bool alone = strcmp(name, "--empty-pages") == 0;
    if (!alone && !value) return misuse("a value must follow", name);
    const char *wrong = trouble_add(&s->trouble, pb_str_c(name + 2), alone ? PB_STR("") : pb_str_c(value));
    if (wrong) return misuse(wrong, alone ? name : value);
    return alone ? 1 : 2;
}

static const option_row *option_find(const char *name) {
    for (size_t i = 0; i < sizeof option_rows / sizeof *option_rows; i++)
        if (strcmp(name, option_rows[i].name) == 0) return &option_rows[i];
    return NULL;
}

static bool options_read(options *o, int argc, char **argv) {
    for (int i = 1; i < argc;) {
        const option_row *row = option_find(argv[i]);
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        int taken = 1;
        if (str_starts(pb_str_c(argv[i]), "--") && trouble_knows(argv[i] + 2)) {
            if ((taken = rule_read(o->sim, argv[i], value)) == 0) return false;
        } else if (!row) {
            return misuse("there is no such option", argv[i]);
        } else if (row->flag) {
            *(bool *)((char *)o + row->offset) = true;
        } else {
            if (!value) return misuse("a value must follow", argv[i]);
            memcpy((char *)o + row->offset, &value, sizeof value);
            taken = 2;
        }
        i += taken;
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
    if (o->session_seconds && strtol(o->session_seconds, NULL, 10) < 1)
        return misuse("a number of seconds is needed", "--session-seconds"), 2;
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
    s.session_seconds = o.session_seconds ? strtol(o.session_seconds, NULL, 10) : 0;
    s.access_key = pb_str_c(either(o.access_key, "AWS_ACCESS_KEY_ID", default_key));
    s.secret_key = pb_str_c(either(o.secret_key, "AWS_SECRET_ACCESS_KEY", default_secret));
    s.control = pb_str_c(o.control ? o.control : "");
    s.log = o.log;
    pb_arena *a = pb_arena_new(SIM_MAX_MEMORY);
    status = a ? open_and_go(&o, &s, a, port) : 5;
    state_close(s.state);
    sigv4_keys_free(s.keys);
    pb_arena_free(a);
    return status;
}
