/*
 * pbc.c - the compiler's program: check, build, fmt, dis, iam, graph, doc, new, lsp, explain.
 *
 * Results go to standard output; diagnostics for people to standard error, those for programs (JSON, SARIF, GitHub) to
 * standard output, because they are the result. A .pbx is written beside its place and renamed into it, so it is there
 * whole or not at all. Together with vm/pbrun.c the only place that knows lang and stdlib.
 */
#include "lang/compile.h"
#include "lang/doc.h"
#include "lang/file.h"
#include "lang/fix.h"
#include "lang/report.h"
#include "lang/flow.h"
#include "lang/format.h"
#include "lang/image.h"
#include "lang/lsp.h"
#include "lang/new.h"
#include "lang/options.h"
#include "stdlib/aws/model.h"
#include "stdlib/aws/policy.h"
#include "stdlib/stdlib.h"
#include "stdlib/testing/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DONE = 0, FINDINGS = 1, USAGE = 2, INTERNAL = 5 };
/* Enough for 20,000 files; a file of 1 MiB needs at most 400 MiB for its tree. */
static const size_t MEMORY_LIMIT = (size_t)4 << 30;

enum { EVENTS_MAX = 256, SETS_MAX = 256 };

typedef enum dump_kind { DUMP_NOTHING, DUMP_TOKENS, DUMP_AST } dump_kind;

typedef struct pbc {
    diag_format format;
    dump_kind dump;
    bool machine; /* check: --format says so */
    bool deny_warnings, deny_uncovered, json, version, check, show, fix, bounds, coverage, verbose;
    const char *out;
    const char *account, *region, *partition, *playbook, *diff; /* iam; NULL: not said */
    const char *event;                                          /* new */
    flow_format picture;                                        /* graph */
    bool markdown;                                              /* doc */
    testing_options testing;
    preview_options preview;                                    /* check --event */
    const char *events[EVENTS_MAX], *sets[SETS_MAX];
    char **operands;
    int noperands;
    cli cli;
} pbc;

/* ---- options ---- */

static const cli_option options[] = {
    {"check", 0, "format", "FORMAT", "how findings are written: text (default), json, sarif, github"},
    {"check explain iam test", 0, "json", NULL, "for programs; check: the same as --format json, with --event the plans; iam: always so"},
    {"check build", 0, "deny", "WHAT", "warnings: they count as errors; uncovered: status 1 when no playbook handles a known type"},
    {"check", 0, "fix", NULL, "write the cures that are certain into the files, and say which"},
    {"check", 'v', "verbose", NULL, "notes too: which guards may deny a step, and what would settle it"},
    {"check", 0, "bounds", NULL, "how much a run does at most: calls, writes, messages, approvals, waiting"},
    {"check", 0, "coverage", NULL, "which known finding types are handled, by which playbook, and which by none"},
    {"check", 'e', "event", "FILE", "what the playbooks would do about this event, and why others would not; may be given again; nothing is changed"},
    {"check", 0, "account-state", "FILE", "with --event: in a copy of the account that `pbrun sim --state FILE` keeps (default: one with what the event names)"},
    {"check", 0, "live", NULL, "with --event: read from AWS, with the credentials that there are; everything above reading is held back"},
    {"check", 0, "set", "NAME=VALUE", "with --event: set a parameter (or the environment variable PB_PARAM_<NAME>)"},
    {"check", 0, "dump", "WHAT", "print tokens or ast instead of checking"},
    {"fmt", 0, "check", NULL, "write nothing: name the files that would change, status 1 when there are any"},
    {"fmt", 0, "diff", NULL, "write nothing: show what would change"},
    {"build", 'o', "output", "FILE", "where the program is written (required)"},
    {"iam", 0, "account", "ID", "the account that the policy is for (default: any)"},
    {"iam", 0, "region", "REGION", "the region that the policy is for (default: any)"},
    {"iam", 0, "partition", "NAME", "aws, aws-cn, aws-us-gov ... (default: the region's, or aws)"},
    {"iam", 0, "playbook", "NAME", "what this playbook needs (default: all playbooks)"},
    {"iam", 0, "diff", "OLD.json", "print what is allowed more (+) or less (-) than there; status 1 when more"},
    {"graph", 0, "as", "FORMAT", "mermaid (default), dot or svg"},
    {"graph", 0, "playbook", "NAME", "this playbook only (svg shows one)"},
    {"doc", 0, "markdown", NULL, "Markdown with Mermaid pictures instead of one HTML page"},
    {"graph doc", 'o', "output", "FILE", "where to (default: standard output)"},
    {"new", 0, "event", "NAME", "what it answers: guardduty.finding (default), securityhub.finding, cloudtrail.api_call"},
    {"test", 0, "filter", "TEXT", "only tests whose playbook or title holds this text"},
    {"test", 'j', "jobs", "N", "run so many at a time (default: one a processor)"},
    {"test", 0, "junit", "FILE", "write a JUnit report"},
    {"test", 0, "mutate", NULL, "make small mistakes in the playbooks and list those that no test notices"},
    {"test", 0, "coverage", NULL, "say which statements and branches of the playbooks were gone through"},
    {"test", 0, "coverage-dir", "DIR", "the same as HTML pages, and for other programs as lcov.info"},
    {"test", 0, "coverage-min", "PERCENT", "status 1 when fewer of the statements have run"},
    {"*", 'h', "help", NULL, "this text"},
    {"*", 0, "version", NULL, "the version"},
    {0},
};

static bool set_format(pbc *p, const char *value) {
    static const char *const names[] = {"text", "json", "sarif", "github"};
    static const diag_format formats[] = {DIAG_TEXT, DIAG_JSON, DIAG_SARIF, DIAG_GITHUB};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) return p->format = formats[i], true;
    return false;
}

static bool set_picture(pbc *p, const char *value) {
    static const char *const names[] = {"mermaid", "dot", "svg"};
    static const flow_format formats[] = {FLOW_MERMAID, FLOW_DOT, FLOW_SVG};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) return p->picture = formats[i], true;
    return false;
}

static bool set_number(const char *text, uint32_t most, uint32_t *out) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *out = (uint32_t)n;
    return *text >= '0' && *text <= '9' && !*end && n >= 1 && n <= most;
}

static bool set_deny(pbc *p, const char *value) {
    if (strcmp(value, "uncovered") == 0) return p->deny_uncovered = true;
    return p->deny_warnings = true, strcmp(value, "warnings") == 0;
}

/* `new` takes one: the last. */
static bool set_event(pbc *p, const char *value) {
    p->event = value;
    if (!value[0] || p->preview.nevents == EVENTS_MAX) return false;
    p->events[p->preview.nevents++] = value;
    return true;
}

static bool set_param(pbc *p, const char *value) {
    if (!strchr(value, '=') || value[0] == '=' || p->preview.nsets == SETS_MAX) return false;
    p->sets[p->preview.nsets++] = value;
    return true;
}

static bool set_option(void *self, const char *name, const char *value, char err[256]) {
    pbc *p = self;
    snprintf(err, 256, "--%s cannot be", name);
    if (strcmp(name, "format") == 0) return set_format(p, value);
    if (strcmp(name, "json") == 0) return p->json = true, p->format = DIAG_JSON, true;
    if (strcmp(name, "deny") == 0) return set_deny(p, value);
    if (strcmp(name, "fix") == 0) return p->fix = true;
    if (strcmp(name, "verbose") == 0) return p->verbose = true;
    if (strcmp(name, "bounds") == 0) return p->bounds = true;
    if (strcmp(name, "coverage") == 0) return p->coverage = p->testing.coverage = true;
    if (strcmp(name, "version") == 0) return p->version = true;
    if (strcmp(name, "filter") == 0) return p->testing.filter = value, true;
    if (strcmp(name, "mutate") == 0) return p->testing.mutate = true;
    if (strcmp(name, "coverage-dir") == 0) return p->testing.coverage_dir = value, value[0] != 0;
    if (strcmp(name, "coverage-min") == 0) return set_number(value, 100, &p->testing.coverage_min);
    if (strcmp(name, "junit") == 0) return p->testing.junit = value, value[0] != 0;
    if (strcmp(name, "jobs") == 0) return set_number(value, 64, &p->testing.workers);
    if (strcmp(name, "check") == 0) return p->check = true;
    if (strcmp(name, "diff") == 0 && !value) return p->show = true; /* of fmt */
    if (strcmp(name, "output") == 0) return p->out = value, value[0] != 0;
    if (strcmp(name, "as") == 0) return set_picture(p, value);
    if (strcmp(name, "markdown") == 0) return p->markdown = true;
    if (strcmp(name, "event") == 0) return set_event(p, value);
    if (strcmp(name, "account-state") == 0) return p->preview.state = value, value[0] != 0;
    if (strcmp(name, "live") == 0) return p->preview.live = true;
    if (strcmp(name, "set") == 0) return set_param(p, value);
    if (strcmp(name, "account") == 0) return p->account = value, value[0] != 0;
    if (strcmp(name, "region") == 0) return p->region = value, value[0] != 0;
    if (strcmp(name, "partition") == 0) return p->partition = value, value[0] != 0;
    if (strcmp(name, "diff") == 0) return p->diff = value, value[0] != 0;
    if (strcmp(name, "playbook") == 0) return p->playbook = value, value[0] != 0;
    p->dump = strcmp(value, "tokens") == 0 ? DUMP_TOKENS : strcmp(value, "ast") == 0 ? DUMP_AST : DUMP_NOTHING;
    return p->dump != DUMP_NOTHING;
}

/* ---- small things ---- */

static int usage(const char *command, const char *what) {
    fprintf(stderr, "pbc %s: %s\ntry `pbc %s --help`\n", command, what, command);
    return USAGE;
}

static int out_of_memory(void) {
    fputs("pbc: out of memory\n", stderr);
    return INTERNAL;
}

static bool wants_colour(void) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

/* ---- check and build ---- */

typedef struct compiled {
    pb_arena *arena;
    diag_list *diags;
    source_set *sources;
    pb_buf image;
    bool ok;
} compiled;

static bool compile(const pbc *p, compiled *k) {
    *k = (compiled){.arena = pb_arena_new(MEMORY_LIMIT)};
    k->diags = k->arena ? diag_new(k->arena) : NULL;
    if (!k->diags) return false;
    if (p->verbose) diag_verbose(k->diags);
    size_t n;
    const builtin_source *builtins = stdlib_sources(&n);
    k->ok = compile_paths(k->arena, k->diags, &k->sources, aws_schema(), builtins, n, (const char *const *)p->operands,
                          (size_t)p->noperands, &k->image);
    return k->sources && !pb_arena_failed(k->arena) && !diag_oom(k->diags) && !k->image.oom;
}

static void compiled_free(compiled *k) {
    pb_buf_free(&k->image);
    pb_arena_free(k->arena);
}

static void print_summary(size_t errors, size_t warnings) {
    if (errors) fprintf(stderr, "%zu error%s", errors, plural(errors));
    if (warnings) fprintf(stderr, "%s%zu warning%s", errors ? ", " : "", warnings, plural(warnings));
    if (errors || warnings) fputc('\n', stderr);
}

static bool print_findings(const compiled *k, diag_format format) {
    pb_buf text = {0};
    diag_render(k->diags, k->sources, format, format == DIAG_TEXT && wants_colour(), &text);
    bool ok = !text.oom;
    if (ok && text.len) fwrite(text.data, 1, text.len, format == DIAG_TEXT ? stderr : stdout);
    pb_buf_free(&text);
    return ok;
}

static uint32_t playbooks_of(const pb_buf *image) {
    const char *table = image->data + IMAGE_HEAD;
    return image->len < IMAGE_HEAD + 8 * SECTION_COUNT ? 0 : image_u32(table + 8 * SECTION_PLAYBOOKS + 4);
}

/* Prints what was found. The exit status so far. */
static int report(const pbc *p, const compiled *k) {
    size_t errors = diag_count(k->diags, DIAG_ERROR), warnings = diag_count(k->diags, DIAG_WARNING);
    if (!print_findings(k, p->format)) return out_of_memory();
    if (p->format == DIAG_TEXT) print_summary(errors, warnings);
    if (errors || (warnings && p->deny_warnings)) return FINDINGS;
    if (k->ok) return DONE;
    fputs("pbc: the compiler stopped without saying why; please report this\n", stderr);
    return INTERNAL;
}

static int dump(const pbc *p) {
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    ast_program *tree =
        k.diags ? parse_program(k.arena, k.diags, NULL, 0, (const char *const *)p->operands, (size_t)p->noperands)
                : NULL;
    int status = INTERNAL;
    bool ok = tree && (p->dump == DUMP_TOKENS ? dump_tokens(tree, &k.image) : (dump_tree(tree, &k.image), true));
    if (ok && !k.image.oom) {
        if (k.image.len) fwrite(k.image.data, 1, k.image.len, stdout);
        k.sources = tree->sources;
        k.ok = true;
        status = report(p, &k);
    } else {
        out_of_memory();
    }
    compiled_free(&k);
    return status;
}

/* Round by round: what lay over another fix, or came out through one, is fixed in the next. */
static bool fix(const pbc *p) {
    enum { ROUNDS = 8 };
    fix_answer all = {0};
    for (int i = 0; i < ROUNDS; i++) {
        compiled k;
        uint32_t before = all.made;
        bool ok = compile(p, &k);
        if (ok && !all.failed) fix_files(k.diags, k.sources, &all);
        compiled_free(&k);
        if (!ok || all.failed || all.says.oom || all.made == before) break;
    }
    if (all.says.len) fwrite(all.says.data, 1, all.says.len, stderr);
    if (all.made) fprintf(stderr, "%u fix%s made\n", all.made, all.made == 1 ? "" : "es");
    bool ok = !all.says.oom;
    pb_buf_free(&all.says);
    return ok;
}

static ast_program *checked_tree(const pbc *p, compiled *k);

/* --bounds and --coverage: of a program that has been found right. */
static int print_reports(const pbc *p) {
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    uint32_t uncovered = 0;
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    ast_program *tree = k.diags ? checked_tree(p, &k) : NULL;
    if (tree && p->bounds) report_bounds(tree, p->json, &k.image);
    if (tree && (p->coverage || p->deny_uncovered)) {
        pb_buf unseen = {0};
        report_coverage(tree, p->json, p->coverage ? &k.image : &unseen, &uncovered);
        pb_buf_free(&unseen);
    }
    bool ok = tree && !k.image.oom && !pb_arena_failed(k.arena);
    if (ok && k.image.len) fwrite(k.image.data, 1, k.image.len, stdout);
    compiled_free(&k);
    if (!ok) return out_of_memory();
    if (!uncovered || !p->deny_uncovered) return DONE;
    fprintf(stderr, "pbc check: %u known type%s handled by no playbook; --coverage lists them\n", uncovered,
            uncovered == 1 ? " is" : "s are");
    return FINDINGS;
}

/* What the playbooks would do about the events of --event. */
static int preview(const pbc *p, const compiled *k) {
    preview_options o = p->preview;
    o.events = p->events;
    o.sets = p->sets;
    o.json = p->json;
    o.quiet = p->machine;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    o.colour = isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
    return preview_run(&k->image, &o);
}

/* NULL, or what does not go together. */
static const char *check_conflict(const pbc *p) {
    bool event = p->preview.nevents > 0;
    if (p->json && p->bounds + p->coverage + event > 1) return "--json writes one of --bounds, --coverage and --event";
    if (!event && (p->preview.state || p->preview.live || p->preview.nsets))
        return "--account-state, --live and --set go with --event";
    if (p->preview.state && p->preview.live) return "--live reads from AWS, --account-state from a file: give one of them";
    return NULL;
}

static int run_check(void *self) {
    pbc *p = self;
    if (p->noperands == 0) return usage("check", "which files or directories?");
    const char *conflict = check_conflict(p);
    if (conflict) return usage("check", conflict);
    if (p->dump) return dump(p);
    bool reports = p->bounds || p->coverage || p->deny_uncovered;
    p->machine = p->format != DIAG_TEXT && !p->json; /* --format: its output is for a program that knows no plans */
    if (reports || (p->json && p->preview.nevents)) p->format = DIAG_TEXT; /* findings are for people then: --json is about the report */
    if (p->fix && !fix(p)) return out_of_memory();
    compiled k;
    int status = compile(p, &k) ? report(p, &k) : out_of_memory();
    if (status == DONE && reports) status = print_reports(p);
    if (status == DONE && p->preview.nevents) {
        status = preview(p, &k);
        compiled_free(&k);
        return status;
    }
    if (reports) {
        compiled_free(&k);
        return status;
    }
    if (status == DONE && isatty(STDERR_FILENO) && p->format == DIAG_TEXT) {
        uint32_t n = playbooks_of(&k.image);
        fprintf(stderr, "%u playbook%s checked, %s\n", n, plural(n),
                diag_count(k.diags, DIAG_WARNING) ? "no errors" : "no findings");
    }
    compiled_free(&k);
    return status;
}

/* ---- writing a file ---- */

/* Onto something that is not a file (a pipe, /dev/null): nothing to rename. */
static bool write_through(const char *path, const pb_buf *b) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && file_write_all(fd, b->data, b->len);
    if (fd >= 0 && close(fd) != 0) ok = false;
    return ok;
}

static int write_result(const char *command, const char *path, const pb_buf *b) {
    char real[PATH_MAX];
    struct stat st;
    bool exists = stat(path, &st) == 0, ok;
    if (strcmp(path, "-") == 0)
        ok = file_write_all(STDOUT_FILENO, b->data, b->len);
    else if (strlen(path) >= PATH_MAX)
        ok = (errno = ENAMETOOLONG, false);
    else if (exists && !S_ISREG(st.st_mode))
        ok = write_through(path, b);
    else
        ok = file_replace(exists && realpath(path, real) ? real : path, NULL, (pb_str){0}, b);
    if (ok) return DONE;
    if (strcmp(path, "-") == 0)
        fprintf(stderr, "pbc %s: cannot write to standard output: %s\n", command, strerror(errno));
    else
        fprintf(stderr, "pbc %s: cannot write `%s`: %s\n", command, path, strerror(errno));
    return FINDINGS;
}

static int run_build(void *self) {
    const pbc *p = self;
    if (!p->out) return usage("build", "where to? say -o FILE.pbx");
    if (p->noperands == 0) return usage("build", "which files or directories?");
    compiled k;
    int status = compile(p, &k) ? report(p, &k) : out_of_memory();
    if (status == DONE) status = write_result("build", p->out, &k.image);
    compiled_free(&k);
    return status;
}

/* ---- dis ---- */

/* A file's bytes, malloc'ed, or NULL with errno. */
static char *read_bytes(const char *path, size_t *size) {
    struct stat st;
    char *data = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    if (fstat(fd, &st) != 0) goto cleanup;
    errno = S_ISDIR(st.st_mode) ? EISDIR : st.st_size > IMAGE_MAX_SIZE ? EFBIG : 0;
    if (errno) goto cleanup;
    data = malloc((size_t)st.st_size + 1);
    *size = 0;
    for (ssize_t got = 1; data && got > 0 && *size<(size_t)st.st_size; *size += got> 0 ? (size_t)got : 0) {
        got = read(fd, data + *size, (size_t)st.st_size - *size);
        if (got >= 0) continue;
        free(data);
        data = NULL;
    }
cleanup:
    close(fd);
    return data;
}

static int run_dis(void *self) {
    const pbc *p = self;
    if (p->noperands != 1) return usage("dis", "which program? one FILE.pbx");
    size_t size;
    char *data = read_bytes(p->operands[0], &size);
    if (!data) {
        fprintf(stderr, "pbc dis: cannot read `%s`: %s\n", p->operands[0], errno ? strerror(errno) : "no memory");
        return FINDINGS;
    }
    pb_arena *a = pb_arena_new(0);
    pb_buf out = {0};
    pb_str err = {0};
    int status = INTERNAL;
    if (a && disassemble(data, size, &out, &err, a) && !out.oom) {
        fwrite(out.data, 1, out.len, stdout);
        status = DONE;
    } else if (a && err.n) {
        fprintf(stderr, "pbc dis: %s: %.*s\n", p->operands[0], PB_ARG(err));
        status = FINDINGS;
    } else {
        out_of_memory();
    }
    pb_buf_free(&out);
    pb_arena_free(a);
    free(data);
    return status;
}

/* ---- iam ---- */

/* Parses and checks, without making a program. NULL: see the messages. */
static ast_program *checked_tree(const pbc *p, compiled *k) {
    size_t n;
    const builtin_source *builtins = stdlib_sources(&n);
    ast_program *tree =
        parse_program(k->arena, k->diags, builtins, n, (const char *const *)p->operands, (size_t)p->noperands);
    if (!tree) return NULL;
    k->sources = tree->sources;
    k->ok = diag_count(k->diags, DIAG_ERROR) == 0 && check_program(tree, aws_schema(), k->diags);
    return k->ok ? tree : NULL;
}

/* Against the policy in a file. */
static int print_diff(const pbc *p, compiled *k, pb_str json) {
    size_t size;
    pb_buf out = {0};
    pb_str err = {NULL, 0};
    bool grew = false;
    char *old = read_bytes(p->diff, &size);
    if (!old) {
        fprintf(stderr, "pbc iam: cannot read `%s`: %s\n", p->diff, errno ? strerror(errno) : "no memory");
        return FINDINGS;
    }
    bool ok = aws_policy_diff(k->arena, (pb_str){old, (uint32_t)size}, json, &out, &grew, &err);
    if (!ok) fprintf(stderr, "pbc iam: %s cannot be compared: %.*s\n", p->diff, PB_ARG(err));
    if (ok && out.len) fwrite(out.data, 1, out.len, stdout);
    pb_buf_free(&out);
    free(old);
    return ok && !grew ? DONE : FINDINGS;
}

static int print_policy(const pbc *p, compiled *k, const aws_policy_place *place) {
    pb_str json, err;
    size_t calls = 0;
    ast_program *tree = checked_tree(p, k);
    if (!k->sources || diag_oom(k->diags)) return out_of_memory();
    bool made = tree && aws_policy_program(k->arena, tree, k->diags, pb_str_c(p->playbook), place, &calls, &json, &err);
    if (tree && !made && err.s) {
        fprintf(stderr, "pbc iam: %.*s\n", PB_ARG(err));
        return FINDINGS;
    }
    if (pb_arena_failed(k->arena)) return out_of_memory();
    int status = report(p, k);
    if (!made || status != DONE) return status == DONE ? INTERNAL : status;
    if (p->diff) return print_diff(p, k, json);
    if (!calls) fputs("pbc iam: nothing here calls AWS: the policy allows what needs no permission\n", stderr);
    printf("%.*s\n", PB_ARG(json));
    return DONE;
}

static int run_iam(void *self) {
    pbc *p = self;
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    aws_policy_place place;
    pb_str err = {NULL, 0};
    int status;
    if (p->noperands == 0) {
        compiled_free(&k);
        return usage("iam", "which files or directories?");
    }
    p->format = DIAG_TEXT; /* messages are for people, whatever --json says of the result */
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    if (!k.diags)
        status = out_of_memory();
    else if (!aws_policy_place_of(k.arena, pb_str_c(p->partition), pb_str_c(p->account), pb_str_c(p->region), &place,
                                  &err))
        status = usage("iam", err.s);
    else
        status = print_policy(p, &k, &place);
    compiled_free(&k);
    return status;
}

/* ---- graph, doc, new ---- */

/* All of them one after the other; a picture is of one. */
static int draw_flows(const pbc *p, compiled *k, const ast_program *tree, pb_buf *out) {
    flow *f = flow_of_program(tree, pb_str_c(p->playbook));
    if (pb_arena_failed(k->arena)) return out_of_memory();
    if (!f) {
        fprintf(stderr, "pbc graph: there is no playbook%s%s here\n", p->playbook ? " " : "", p->playbook ? p->playbook : "");
        return FINDINGS;
    }
    if (f->next && p->picture == FLOW_SVG) return usage("graph", "an svg shows one playbook: say which with --playbook NAME");
    for (; f; f = f->next) flow_draw(f, p->picture, k->arena, out);
    return out->oom || pb_arena_failed(k->arena) ? out_of_memory() : DONE;
}

/* What is made out of a checked tree, to where the user says. */
static int derive(pbc *p, const char *command, int (*make)(const pbc *p, compiled *k, const ast_program *tree, pb_buf *out)) {
    if (p->noperands == 0) return usage(command, "which files or directories?");
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    pb_buf out = {0};
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    p->format = DIAG_TEXT;
    const ast_program *tree = k.diags ? checked_tree(p, &k) : NULL;
    int status = k.sources ? report(p, &k) : out_of_memory();
    if (tree && status == DONE) status = make(p, &k, tree, &out);
    if (tree && status == DONE) status = write_result(command, p->out ? p->out : "-", &out);
    pb_buf_free(&out);
    compiled_free(&k);
    return status;
}

static int run_graph(void *self) { return derive(self, "graph", draw_flows); }

static int write_doc(const pbc *p, compiled *k, const ast_program *tree, pb_buf *out) {
    (void)k;
    return doc_write(tree, !p->markdown, out) ? DONE : out_of_memory();
}

static int run_doc(void *self) { return derive(self, "doc", write_doc); }

/* Beside the other playbooks where there is a folder of that name, and never over a file that is there. */
static int write_new(const char *name, pb_str text) {
    char path[128];
    struct stat st;
    bool folder = stat("playbooks", &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(path, sizeof path, "%s%s.pb", folder ? "playbooks/" : "", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && file_write_all(fd, text.s, text.n);
    if (fd >= 0 && close(fd) != 0) ok = false;
    if (!ok) {
        fprintf(stderr, "pbc new: cannot write `%s`: %s\n", path, strerror(errno));
        return FINDINGS;
    }
    printf("%s\n", path);
    return DONE;
}

static int run_new(void *self) {
    const pbc *p = self;
    if (p->noperands != 2 || strcmp(p->operands[0], "playbook") != 0) return usage("new", "what? say `playbook NAME`");
    const char *name = p->operands[1];
    if (!new_name_ok(pb_str_c(name)))
        return usage("new", "a playbook's name has letters, digits and _, at most 64, no digit in front");
    pb_arena *a = pb_arena_new(0);
    pb_str text = a ? new_playbook(a, pb_str_c(name), p->event ? pb_str_c(p->event) : PB_STR("guardduty.finding")) : (pb_str){0};
    int status = DONE;
    if (!a || pb_arena_failed(a)) {
        status = out_of_memory();
    } else if (!text.s) {
        fprintf(stderr, "pbc new: there is a beginning for %s, not for `%s`\n", new_events(), p->event);
        status = USAGE;
    } else {
        status = write_new(name, text);
    }
    pb_arena_free(a);
    return status;
}

/* ---- fmt ---- */

static int format_status(const pbc *p, const format_answer *got) {
    if (got->no_memory) return out_of_memory();
    if (got->out.len) fwrite(got->out.data, 1, got->out.len, stdout);
    if (got->errors.len) fwrite(got->errors.data, 1, got->errors.len, stderr);
    if (got->damaged) return INTERNAL;
    return got->refused || (p->check && got->changed) ? FINDINGS : DONE;
}

static int run_fmt(void *self) {
    const pbc *p = self;
    if (p->noperands == 0) return usage("fmt", "which files or directories?");
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    format_request want = {p->check, p->show};
    format_answer got = {0};
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    ast_program *tree =
        k.diags ? parse_paths(k.arena, k.diags, (const char *const *)p->operands, (size_t)p->noperands) : NULL;
    int status = INTERNAL;
    if (tree && !diag_oom(k.diags)) {
        k.sources = tree->sources;
        k.ok = true;
        int found = report(p, &k);
        format_files(tree, k.diags, &want, &got);
        status = format_status(p, &got);
        if (found > status) status = found;
    } else {
        out_of_memory();
    }
    pb_buf_free(&got.out);
    pb_buf_free(&got.errors);
    compiled_free(&k);
    return status;
}

/* ---- test ---- */

static int run_test(void *self) {
    pbc *p = self;
    if (p->noperands == 0) return usage("test", "which files or directories?");
    compiled k = {.arena = pb_arena_new(MEMORY_LIMIT)};
    k.diags = k.arena ? diag_new(k.arena) : NULL;
    bool terminal = isatty(STDOUT_FILENO) != 0;
    p->testing.json = p->json;
    p->testing.paths = (const char *const *)p->operands;
    p->testing.npaths = (size_t)p->noperands;
    p->testing.live = terminal && !p->json;
    p->testing.colour = terminal && wants_colour();
    p->format = DIAG_TEXT; /* messages are for people, whatever --json says of the results */
    int status = INTERNAL;
    ast_program *tree = k.diags ? checked_tree(p, &k) : NULL;
    if (!k.sources || diag_oom(k.diags))
        out_of_memory();
    else if ((status = report(p, &k)) == DONE)
        status = testing_run(tree, k.diags, &p->testing);
    compiled_free(&k);
    return status;
}

/* ---- explain ---- */

static const char *severity(const diag_row *r) { return diag_severity_name(r->severity); }

static json_object *row_json(const diag_row *r) {
    json_object *o = json_object_new_object();
    char code[16];
    snprintf(code, sizeof code, "PB%04d", r->number);
    json_object_object_add(o, "code", json_object_new_string(code));
    json_object_object_add(o, "name", json_object_new_string(r->name));
    json_object_object_add(o, "severity", json_object_new_string(severity(r)));
    json_object_object_add(o, "title", json_object_new_string(r->title));
    json_object_object_add(o, "text", json_object_new_string(r->text));
    return o;
}

static void print_json(json_object *o) {
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                               JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

static int list_codes(bool json) {
    size_t n;
    const diag_row *rows = diag_rows(&n);
    json_object *list = json ? json_object_new_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        if (json)
            json_object_array_add(list, row_json(&rows[i]));
        else
            printf("PB%04d  %-7s  %s\n", rows[i].number, severity(&rows[i]), rows[i].title);
    }
    if (json) print_json(list);
    return DONE;
}

static int run_explain(void *self) {
    const pbc *p = self;
    if (p->noperands == 0) return list_codes(p->json);
    const char *code = p->operands[0], *digits = strncasecmp(code, "PB", 2) == 0 ? code + 2 : code;
    char *end;
    long number = strtol(digits, &end, 10);
    const diag_row *row = *digits && !*end && number >= 0 && number < 10000 ? diag_row_of((int)number) : NULL;
    if (p->noperands > 1 || !row) {
        fprintf(stderr, "pbc explain: no diagnostic has the code `%s`; `pbc explain` lists them all\n", code);
        return USAGE;
    }
    if (p->json)
        print_json(row_json(row));
    else
        printf("PB%04d: %s (%s)\n\n%s\n", row->number, row->title, severity(row), row->text);
    return DONE;
}

/* ---- the program ---- */

static int run_help(void *self) {
    const pbc *p = self;
    const cli_command *k = p->cli.commands;
    while (p->noperands && k->name && strcmp(k->name, p->operands[0]) != 0) k++;
    if (p->noperands && !k->name) return usage("help", "no such command");
    cli_help(&p->cli, p->noperands ? k : NULL);
    return DONE;
}

static pb_str member_doc(schema_shape shape, uint32_t i) { return aws_member_doc(aws_model_get(), shape, i); }

static int run_lsp(void *self) {
    const pbc *p = self;
    lsp_knowledge k = {.schema = aws_schema(), .member_doc = member_doc};
    if (p->noperands) return usage("lsp", "it takes no operand; editors talk to it on standard input");
    k.builtins = stdlib_sources(&k.nbuiltins);
    return lsp_serve(&k, STDIN_FILENO, STDOUT_FILENO) == 0 ? DONE : FINDINGS;
}

static int run_completion(void *self) {
    const pbc *p = self;
    if (p->noperands == 1 && cli_complete(&p->cli, p->operands[0])) return DONE;
    return usage("completion", "for which shell? bash, zsh or fish");
}

static int run_manual(void *self) {
    const pbc *p = self;
    if (p->noperands) return usage("manual", "it takes no operand");
    cli_man(&p->cli);
    return DONE;
}

static const cli_command commands[] = {
    {"check", "PATH...", "find mistakes in playbooks: files, directories, - for standard input", run_check},
    {"build", "PATH...", "compile playbooks into one program (.pbx)", run_build},
    {"dis", "FILE.pbx", "show a program's code", run_dis},
    {"iam", "PATH...", "the IAM policy that playbooks need, and no more (JSON)", run_iam},
    {"test", "PATH...", "run the tests in playbook files against a simulated account", run_test},
    {"fmt", "PATH...", "lay playbooks out in the canonical way: files, directories, - for standard input", run_fmt},
    {"graph", "PATH...", "what playbooks do as a picture: Mermaid, DOT or SVG", run_graph},
    {"doc", "PATH...", "a reference of playbooks with their pictures: HTML or Markdown", run_doc},
    {"new", "playbook NAME", "begin a playbook: a file that checks, matches and tells people", run_new},
    {"explain", "[CODE]", "what a diagnostic means, with its cure; without CODE: list them", run_explain},
    {"help", "[COMMAND]", "this text, or a command's", run_help},
    {"lsp", "", "the language server for editors, on standard input and output", run_lsp},
    {"manual", "", "this program's manual page, for man(1)", run_manual},
    {"completion", "SHELL", "the completion for bash, zsh or fish", run_completion},
    {"events", "PATH...", NULL, NULL},
    {"deploy", "PATH...", NULL, NULL},
    {0},
};

static int run(pbc *p, int argc, char **argv) {
    p->cli = (cli){"pbc",
                   "The compiler of the playbook language.",
                   {"done", "findings", "wrong usage", NULL, NULL, "internal error"},
                   commands,
                   options,
                   set_option,
                   p,
                   NULL};
    const cli_command *command = NULL;
    int status = cli_parse(&p->cli, argc, argv, &command, &p->noperands);
    if (status >= 0) return status;
    p->operands = argv;
    if (p->version) return puts("pbc " PB_VERSION) < 0 ? INTERNAL : DONE;
    if (!command) {
        fputs("usage: pbc COMMAND [OPTION...] [OPERAND...]\ntry `pbc --help`\n", stderr);
        return USAGE;
    }
    if (!command->run) {
        fprintf(stderr, "pbc %s: not available in this version\n", command->name);
        return USAGE;
    }
    return command->run(p);
}

int main(int argc, char **argv) {
    pbc p = {.format = DIAG_TEXT};
    int status = run(&p, argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "pbc: cannot write to standard output: %s\n", strerror(errno));
        return INTERNAL;
    }
    return status;
}
