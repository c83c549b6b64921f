/*
 * cmd_session.c - what `pbrun run` and `pbrun resume` share. Results go to standard output; progress, messages and
 * diagnostics to standard error.
 */
#include "vm/cmd_session.h"

#include "stdlib/aws/model.h"
#include "stdlib/stdlib.h"
#include "vm/report.h"
#include "vm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of several runs the worst counts. */
void session_worst(session *s, int status) {
    static const int order[] = {STATUS_OK,     STATUS_WAITING, STATUS_STOPPED,
                                STATUS_FAILED, STATUS_USAGE,   STATUS_INTERNAL};
    int was = 0, is = 0;
    for (int i = 0; i < (int)(sizeof order / sizeof *order); i++) {
        if (order[i] == s->status) was = i;
        if (order[i] == status) is = i;
    }
    if (is > was) s->status = status;
}
static void worst(session *s, int status) { session_worst(s, status); }

/* ---- playbooks ---- */

static bool is_image(const char *path) {
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".pbx") == 0) return true;
    char magic[8];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return false;
    struct stat st;
    bool is =
        fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && read(fd, magic, 8) == 8 && memcmp(magic, IMAGE_MAGIC, 8) == 0;
    close(fd);
    return is;
}

static int add_image(session *s, const char *path) {
    pb_str err = {0};
    vm_program *p = vm_program_open(path, s->arena, &err); /* its sentence names the path */
    if (!p) return cmd_fail(err, access(path, R_OK) == 0 ? STATUS_FAILED : STATUS_USAGE);
    if (engine_add(s->engine, p, path, &err)) return STATUS_OK;
    return cmd_fail(pb_printf(s->arena, "%s: %.*s", path, PB_ARG(err)), STATUS_FAILED);
}

/* Warnings alone are for whoever writes the playbook (`pbc check`), not for whoever answers an alert. */
static void show_diagnostics(diag_list *diags, const source_set *sources) {
    pb_buf b = {0};
    if (diag_count(diags, DIAG_ERROR)) {
        diag_render(diags, sources, DIAG_TEXT, progress_colours(STDERR_FILENO), &b);
        if (b.data) fwrite(b.data, 1, b.len, stderr);
    }
    pb_buf_free(&b);
}

static int add_sources(session *s, const char *const *paths, size_t n, pb_buf *image) {
    size_t nbuiltins = 0;
    const builtin_source *builtins = stdlib_sources(&nbuiltins);
    pb_arena *a = pb_arena_new(0);
    diag_list *diags = a ? diag_new(a) : NULL;
    source_set *sources = NULL;
    pb_str err = {0};
    int status = STATUS_INTERNAL;
    bool ok = diags && compile_paths(a, diags, &sources, aws_schema(), builtins, nbuiltins, paths, n, image);
    if (diags) show_diagnostics(diags, sources);
    if (!ok) {
        status =
            diags && diag_count(diags, DIAG_ERROR) ? STATUS_FAILED : cmd_fail(PB_STR("out of memory"), STATUS_INTERNAL);
        goto cleanup;
    }
    vm_program *p = vm_program_load(image->data, image->len, s->arena, &err);
    if (p && engine_add(s->engine, p, paths[0], &err))
        status = STATUS_OK;
    else
        cmd_fail(pb_printf(s->arena, "the compiled playbooks are refused: %.*s", PB_ARG(err)), STATUS_INTERNAL);
cleanup:
    pb_arena_free(a);
    return status;
}

/* Sources are compiled together, as one program; each image is one of its own. */
static int add_playbooks(session *s) {
    const char **sources = pb_alloc_array(s->arena, s->args.npaths, sizeof *sources);
    size_t n = 0;
    int status = STATUS_OK;
    if (!sources) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    for (size_t i = 0; i < s->args.npaths && status == STATUS_OK; i++) {
        if (is_image(s->args.paths[i]))
            status = add_image(s, s->args.paths[i]);
        else
            sources[n++] = s->args.paths[i];
    }
    if (status == STATUS_OK && n) status = add_sources(s, sources, n, &s->image);
    return status;
}

/* A program like the others, whose site counts. */
static int add_site(session *s) {
    const char *path = s->args.site;
    if (!path) return STATUS_OK;
    int status = is_image(path) ? add_image(s, path) : add_sources(s, &path, 1, &s->site);
    if (status == STATUS_OK) engine_use_site(s->engine);
    return status;
}

static int set_params(session *s) {
    pb_str err = {0};
    for (size_t i = 0; i < s->args.nsets; i++) {
        const char *text = s->args.sets[i], *equals = strchr(text, '=');
        if (!engine_set(s->engine, (pb_str){text, (uint32_t)(equals - text)}, pb_str_c(equals + 1), &err))
            return cmd_fail(err, STATUS_USAGE);
    }
    return engine_ready(s->engine, &err) ? STATUS_OK : cmd_fail(err, STATUS_USAGE);
}

/* ---- what the engine tells ---- */

static void on_run_begin(void *ctx, const engine_run *r) { progress_run_begin(((session *)ctx)->progress, r); }
static void on_step_begin(void *ctx, const engine_run *r, const vm_step *st) {
    progress_step_begin(((session *)ctx)->progress, r, st);
}
static void on_step_end(void *ctx, const engine_run *r, const vm_step *st) {
    progress_step_end(((session *)ctx)->progress, r, st);
}

/* Evidence that cannot be kept is not thrown away: it goes to standard error. */
static void evidence_lost(session *s, pb_str why, const char *line) {
    progress_hide(s->progress);
    cmd_complain(why);
    if (line) fprintf(stderr, "pbrun: the evidence was: %s\n", line);
    progress_show(s->progress);
    worst(s, STATUS_FAILED);
}

static void keep_evidence(session *s, const engine_run *r) {
    pb_arena *a = pb_arena_new(1 << 20);
    json_object *o = evidence_document(&r->facts);
    size_t n = 0;
    const char *line =
        o ? json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n) : NULL;
    pb_str err = {0};
    if (!a || !line)
        evidence_lost(s, PB_STR("no memory for the evidence of a run"), NULL);
    else if (!evidence_append(s->log, line, n, a, &err))
        evidence_lost(s, err, line);
    json_object_put(o);
    pb_arena_free(a);
}

/* Its process died after the document was in the log and before the run's row said so. */
static bool in_log(session *s, const engine_run *r) {
    pb_arena *a = r->ended_before ? pb_arena_new(0) : NULL;
    bool found = a && evidence_has(s->log, r->id, r->facts.started_ms, a);
    pb_arena_free(a);
    return found;
}

void session_evidence(session *s, const engine_run *r) {
    if (s->log && !in_log(s, r)) keep_evidence(s, r);
}

/* A run that was taken to be undone, and nothing was: it has left its evidence when it ended. */
static bool untouched(const engine_run *r) {
    return pb_str_is(r->facts.code, "nothing_to_undo") || (r->undo && !r->facts.undo_of.n);
}

static void on_run_end(void *ctx, const engine_run *r) {
    session *s = ctx;
    if (untouched(r)) {
        bool nothing = pb_str_is(r->facts.code, "nothing_to_undo");
        if (nothing) worst(s, STATUS_USAGE);
        progress_run_end(s->progress, r);
        progress_hide(s->progress);
        if (nothing) cmd_complain(pb_printf(s->arena, "%.*s: %.*s", PB_ARG(r->id), PB_ARG(r->facts.reason)));
        progress_show(s->progress);
        return;
    }
    session_evidence(s, r);
    const evidence_run *f = &r->facts;
    bool bounded = f->outcome == VM_STOPPED && (pb_str_is(f->code, "limit") || pb_str_is(f->code, "concurrency"));
    if (f->outcome == VM_DENIED || bounded) worst(s, STATUS_STOPPED);
    if (f->outcome == VM_FAILED) worst(s, pb_str_is(f->code, "internal") ? STATUS_INTERNAL : STATUS_FAILED);
    progress_run_end(s->progress, r);
}

/* It goes on later, or somewhere else. */
static void on_run_parked(void *ctx, const engine_run *r) {
    session *s = ctx;
    worst(s, r->left == LEFT_STORE ? STATUS_FAILED : STATUS_WAITING);
    progress_run_end(s->progress, r);
    if (r->left != LEFT_STORE || s->store_failed) return;
    s->store_failed = true;
    progress_hide(s->progress);
    cmd_complain(r->left_why);
    progress_show(s->progress);
}

static void complain_of_event(session *s, uint32_t number, uint32_t line, pb_str what) {
    if (!s->events) return; /* of a resumed run: it was said when it came in */
    cmd_complain(
        pb_printf(s->arena, "%s: event %u (line %u): %.*s", events_name(s->events), number, line, PB_ARG(what)));
}

static void on_event_end(void *ctx, const engine_event *e) {
    session *s = ctx;
    pb_buf out = {0};
    progress_hide(s->progress);
    if (e->error.n) {
        complain_of_event(s, e->number, e->line, e->error);
        worst(s, STATUS_FAILED);
    }
    if (e->note.n && e->runs) complain_of_event(s, e->number, e->line, e->note);
    if (e->runs && untouched(e->runs))
        ; /* said already */
    else if (s->args.json)
        report_json(e, &out);
    else
        report_plain(e, progress_colours(STDOUT_FILENO), &out);
    if (out.oom || (out.len && fwrite(out.data, 1, out.len, stdout) != out.len) || fflush(stdout) != 0) {
        if (!s->output_failed)
            cmd_complain(
                pb_printf(s->arena, "results cannot be written: %s", out.oom ? "out of memory" : strerror(errno)));
        s->output_failed = true;
        worst(s, STATUS_FAILED);
    }
    pb_buf_free(&out);
    progress_show(s->progress);
}

/* ---- signals: the first ends the runs in good order, the second kills ---- */

static void stop_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

static void on_signal(void *ctx) {
    session *s = ctx;
    struct signalfd_siginfo info;
    sigset_t set;
    if (s->stopped || read(s->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) return;
    s->stopped = true;
    stop_set(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    progress_hide(s->progress);
    cmd_complain(PB_STR("told to stop: runs under way are ended; once more kills"));
    progress_show(s->progress);
    worst(s, STATUS_FAILED);
    engine_interrupt(s->engine);
}

bool session_signals(session *s) {
    sigset_t set;
    stop_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->signal_fd >= 0) s->signal_watch = pb_watch_start(engine_loop(s->engine), s->signal_fd, on_signal, s);
    return s->signal_watch != NULL;
}

/* ---- set-up ---- */

static engine *new_engine(session *s) {
    if (s->config) return engine_new(s->config);
    engine_config c = {.dry = s->args.dry, .explain = s->args.dry, .observe = s->args.observe, .run_ms = s->args.timeout_ms};
    c.told_is_kept = s->args.evidence != NULL;
    c.providers = stdlib_providers(&c.nproviders);
    c.watch = (engine_watch){s, on_run_begin, on_step_begin, on_step_end, on_run_end, on_event_end, on_run_parked};
    return engine_new(&c);
}

/* --store, else PB_STORE, else what the site says; without any runs live in this process alone. A dry run waits for
 * nothing and counts for nothing, so it has none unless it is asked for. */
static int open_store(session *s) {
    const pb_site *site = engine_site(s->engine);
    const char *environment = getenv("PB_STORE"), *what;
    pb_str err = {0}, name;
    if (s->args.dry && !s->args.store && !s->args.asks_store) return STATUS_OK;
    if (s->args.store || (environment && *environment))
        s->store = cmd_store(&s->args, s->arena, &err);
    else if (site && site->store.n)
        s->store = cmd_store_at(&s->args, pb_strdup(s->arena, site->store.s, site->store.n).s, s->arena, &err);
    else if (!engine_needs_store(s->engine, &name, &what))
        return STATUS_OK;
    else
        return cmd_fail(pb_printf(s->arena,
                                  "playbook `%.*s` has `%s`, which needs a place where runs are kept: give --store "
                                  "sqlite:///PATH, set PB_STORE, or write store \"sqlite:///PATH\" into the site block",
                                  PB_ARG(name), what),
                        STATUS_USAGE);
    if (!s->store) return cmd_fail(err, STATUS_USAGE);
    return engine_use_store(s->engine, s->store) ? STATUS_OK : cmd_fail((pb_str){0}, STATUS_INTERNAL);
}

int session_open(session *s, bool with_playbooks) {
    pb_str err = {0};
    int status = STATUS_OK;
    s->arena = pb_arena_new(0);
    s->engine = s->arena ? new_engine(s) : NULL;
    s->progress = progress_new(STDERR_FILENO, s->args.quiet ? PROGRESS_NONE : progress_style_for(STDERR_FILENO),
                               progress_colours(STDERR_FILENO));
    if (!s->engine || !s->progress) return cmd_fail((pb_str){0}, STATUS_INTERNAL);
    progress_loop(s->progress, engine_loop(s->engine));
    if (with_playbooks) status = add_playbooks(s);
    if (status != STATUS_OK || (status = add_site(s)) != STATUS_OK || (status = set_params(s)) != STATUS_OK ||
        (status = open_store(s)) != STATUS_OK)
        return status;
    /* Before anything is done: what cannot be proved afterwards is not done. */
    if (s->args.evidence && !(s->log = evidence_open(s->args.evidence, s->arena, &err)))
        return cmd_fail(err, STATUS_USAGE);
    return STATUS_OK;
}

void session_end(session *s) {
    progress_free(s->progress);
    events_close(s->events);
    evidence_close(s->log);
    engine_free(s->engine);
    store_close(s->store);
    pb_buf_free(&s->image);
    pb_buf_free(&s->site);
    pb_arena_free(s->arena);
    if (s->signal_fd >= 0) close(s->signal_fd);
    free(s);
}
