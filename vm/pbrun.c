/*
 * pbrun.c - the program: command lines, set-up, signals, exit statuses. What a run is, is the engine's.
 *
 * Exit statuses: 0 done or nothing matched; 1 a run or an event failed, or playbooks do not compile; 2 the command
 * could not be begun as it was given (arguments, files that cannot be opened, parameters); 5 internal. Several runs:
 * the worst. Results go to standard output; progress, messages and diagnostics to standard error.
 */
#include "lang/options.h"
#include "stdlib/stdlib.h"
#include "vm/cmd_session.h"
#include "vm/history.h"
#include "vm/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void worst(session *s, int status) { session_worst(s, status); }

/* "pbrun: ..." to standard error, made plain. */
void cmd_complain(pb_str message) {
    pb_buf b = {0};
    pb_buf_puts(&b, "pbrun: ");
    plain_add(&b, message, 0);
    pb_buf_putc(&b, '\n');
    fputs(b.data && !b.oom ? b.data : "pbrun: out of memory\n", stderr);
    pb_buf_free(&b);
}
static void complain(pb_str message) { cmd_complain(message); }
static void complain_c(const char *message) { complain(pb_str_c(message)); }

int cmd_fail(pb_str message, int status) {
    complain(message.n ? message : PB_STR("out of memory"));
    return status;
}
static int fail(pb_str message, int status) { return cmd_fail(message, status); }

/* ---- options ---- */

static const cli_option option_rows[] = {
    {"run serve", 'p', "playbooks", "PATH",
     "a .pb file, a directory of them, or a .pbx image; may be given again, as may operands"},
    {"run serve approve resume undo", 0, "site", "FILE", "the site block of this .pb or .pbx file holds, whatever the playbooks' own is"},
    {"run", 'e', "event", "FILE", "events as JSON, one or many; - is standard input"},
    {"run serve resume undo", 0, "evidence", "DIR", "append the evidence of each run to DIR/evidence.jsonl"},
    {"run undo", 0, "dry-run", NULL, "read and plan, change nothing, tell nobody"},
    {"run serve", 0, "observe", NULL, "everything happens but changes: reads, messages, and a record of what was held back"},
    {"run serve approve resume undo", 0, "set", "NAME=VALUE", "set a parameter (or the environment variable PB_PARAM_<NAME>)"},
    {"run serve kill-switch approve deny resume undo runs show", 0, "json", NULL, "results (of serve: its log) as JSON, one object a line"},
    {"run serve resume undo", 0, "timeout", "DURATION", "time limit of each run, such as 90s or 5m (default 10m)"},
    {"run serve kill-switch approve deny resume undo runs show", 0, "store", "URL",
     "where runs are kept, such as sqlite:///var/lib/pbrun/state.db (or the environment variable PB_STORE)"},
    {"serve", 0, "listen", "ADDRESS:PORT", "where requests come in (default 127.0.0.1:8080)"},
    {"kill-switch approve deny", 0, "reason", "TEXT", "why; it is kept, and shown to whoever meets the decision"},
    {"approve deny", 0, "as", "PERSON", "answer as this person of the site; refused unless your login is theirs"},
    {"approve deny", 0, "yes", NULL, "do not ask whether that is meant"},
    {"approve", 0, "link", NULL, "answer nothing; print a link by which the person in --for can, once"},
    {"approve", 0, "for", "PERSON", "whose link it is"},
    {"undo", 0, "step", "ID", "undo this step alone, with what is inside it; `step` of the run's evidence"},
    {"kill-switch", 0, "scope", "SCOPE", "global (the default), account:ID or playbook:NAME"},
    {"runs", 0, "status", "STATUS", "active, waiting, ended, undone, or an outcome: done, skipped, stopped, failed, denied"},
    {"runs", 0, "playbook", "NAME", "runs of this playbook"},
    {"runs", 0, "incident", "ID", "runs of this incident"},
    {"runs", 0, "since", "DURATION", "runs that began within it, such as 24h or 7d"},
    {"runs", 0, "max", "N", "at most so many, 1 to 1000; the newest (default 50)"},
    {"runs", 0, "prune", "DURATION", "list nothing; remove the runs that ended longer ago, such as 90d"},
    {"show", 0, "full", NULL, "the calls inside the steps and the whole event too; nothing is cut; with --json the evidence"},
    {"run resume undo", 'q', "quiet", NULL, "no progress on standard error"},
    {"*", 'h', "help", NULL, "this text"},
    {"*", 0, "version", NULL, "the version"},
    {0},
};

static bool add_path(run_args *a, const char *path) {
    if (a->npaths == PATHS_MAX) return false;
    a->paths[a->npaths++] = path;
    return true;
}

static bool add_operand(run_args *a, const char *text) {
    if (a->noperands == OPERANDS_MAX) return false;
    a->operands[a->noperands++] = text;
    return true;
}

/* Options of `runs`. True: it is one of them; *wrong as take_option gives it. */
static bool take_filter(run_args *a, const char *name, const char *value, const char **wrong) {
    static const char duration[] = "that takes a duration such as 24h or 90d, not";
    *wrong = NULL;
    if (strcmp(name, "status") == 0) {
        a->status = value;
    } else if (strcmp(name, "playbook") == 0) {
        a->playbook = value;
    } else if (strcmp(name, "incident") == 0) {
        a->incident = value;
    } else if (strcmp(name, "since") == 0) {
        if (!cmd_duration(value, &a->since_ms)) *wrong = duration;
    } else if (strcmp(name, "prune") == 0) {
        if (!cmd_duration(value, &a->prune_ms)) *wrong = duration;
    } else if (strcmp(name, "max") == 0) {
        unsigned long n = strspn(value, "0123456789") == strlen(value) ? strtoul(value, NULL, 10) : 0;
        if (n < 1 || n > HISTORY_MAX) *wrong = "--max takes a number from 1 to 1000, not";
        a->max = (uint32_t)n;
    } else {
        return false;
    }
    return true;
}

/* NULL, or what is wrong; the value follows it in the message. */
static const char *take_option(run_args *a, const char *name, const char *value) {
    const char *wrong;
    if (take_filter(a, name, value, &wrong)) return wrong;
    if (strcmp(name, "playbooks") == 0)
        return add_path(a, value) ? NULL : "too many paths; give a directory instead of";
    if (strcmp(name, "event") == 0) {
        if (a->event) return "--event is given twice (put several events into one file, or on standard input):";
        a->event = value;
    } else if (strcmp(name, "set") == 0) {
        if (!strchr(value, '=') || value[0] == '=') return "--set takes NAME=VALUE, not";
        if (a->nsets == SETS_MAX) return "too many --set options:";
        a->sets[a->nsets++] = value;
    } else if (strcmp(name, "timeout") == 0) {
        return cmd_duration(value, &a->timeout_ms) ? NULL : "--timeout takes a duration such as 90s, 5m or 2h, not";
    } else if (strcmp(name, "evidence") == 0) {
        a->evidence = value;
    } else if (strcmp(name, "site") == 0) {
        if (a->site) return "--site is given twice; there is one site:";
        a->site = value;
    } else if (strcmp(name, "store") == 0) {
        a->store = value;
    } else if (strcmp(name, "listen") == 0) {
        a->listen = value;
    } else if (strcmp(name, "reason") == 0) {
        a->reason = value;
    } else if (strcmp(name, "step") == 0) {
        a->step = value;
    } else if (strcmp(name, "scope") == 0) {
        a->scope = value;
    } else if (strcmp(name, "as") == 0) {
        a->as = value;
    } else if (strcmp(name, "for") == 0) {
        a->link_for = value;
    } else {
        a->dry |= strcmp(name, "dry-run") == 0;
        a->observe |= strcmp(name, "observe") == 0;
        a->json |= strcmp(name, "json") == 0;
        a->quiet |= strcmp(name, "quiet") == 0;
        a->yes |= strcmp(name, "yes") == 0;
        a->link |= strcmp(name, "link") == 0;
        a->full |= strcmp(name, "full") == 0;
        a->version |= strcmp(name, "version") == 0;
    }
    return NULL;
}

static bool set_option(void *self, const char *name, const char *value, char err[256]) {
    const char *wrong = take_option(self, name, value);
    if (wrong) snprintf(err, 256, "%s", wrong);
    return !wrong;
}

static int usage(const char *command, const char *message) {
    complain_c(message);
    fprintf(stderr, "try `pbrun %s%s--help`\n", command, *command ? " " : "");
    return STATUS_USAGE;
}

/* ---- the main loop ---- */

static void on_input(void *ctx) { (void)ctx; /* only to wake the loop */ }

static bool submit(session *s, const events_item *item, pb_arena *a) {
    pb_str err = item->error;
    if (!err.n && !events_envelope(item->value, a, &err) && !err.n) err = PB_STR("not an EventBridge envelope");
    if (engine_submit(s->engine, item->number, item->line, err.n ? PB_NONE_VALUE : item->value, err, a)) return true;
    worst(s, STATUS_INTERNAL);
    complain_c("out of memory");
    return false;
}

/* Waits for the input, the runs or a signal, whatever comes first. */
static void wait_for_input(session *s) {
    if (engine_busy(s->engine)) {
        s->input_watch = pb_watch_start(engine_loop(s->engine), events_fd(s->events), on_input, s);
        engine_turn(s->engine);
        pb_watch_stop(s->input_watch);
        s->input_watch = NULL;
        return;
    }
    struct pollfd p[2] = {{events_fd(s->events), POLLIN, 0}, {s->signal_fd, POLLIN, 0}};
    poll(p, 2, -1);
    if (p[1].revents) engine_turn(s->engine); /* the loop watches the signals */
}

/* One event, or a wait. False: there are no more. */
static bool feed(session *s) {
    if (!engine_room(s->engine)) {
        engine_turn(s->engine);
        return true;
    }
    events_item item;
    pb_arena *a = pb_arena_new(EVENTS_ARENA);
    if (!a) {
        complain_c("out of memory");
        worst(s, STATUS_INTERNAL);
        return false;
    }
    switch (events_next(s->events, a, &item)) {
    case EVENTS_ONE:
    case EVENTS_BAD: return submit(s, &item, a); /* the arena is the engine's now */
    case EVENTS_LATER:
        pb_arena_free(a);
        wait_for_input(s);
        return true;
    case EVENTS_ERROR:
        complain(pb_printf(s->arena, "%s cannot be read: %.*s", events_name(s->events), PB_ARG(item.error)));
        worst(s, STATUS_FAILED);
        break;
    case EVENTS_END: break;
    }
    pb_arena_free(a);
    return false;
}

static int handle_events(session *s) {
    if (!session_signals(s)) return fail(PB_STR("signals cannot be received"), STATUS_INTERNAL);
    while (!s->stopped && feed(s)) {
    }
    while (engine_busy(s->engine)) engine_turn(s->engine);
    if (!s->stopped && events_count(s->events) == 0 && s->status == STATUS_OK)
        worst(s, fail(pb_printf(s->arena, "%s holds no event", events_name(s->events)), STATUS_FAILED));
    return s->status;
}

/* ---- pbrun run ---- */

static int run_session(session *s) {
    pb_str err = {0};
    int status = session_open(s, true);
    if (status != STATUS_OK) return status;
    s->events = events_open(s->args.event, s->arena, &err);
    return s->events ? handle_events(s) : fail(err, STATUS_USAGE);
}

static int command_run(void *self) {
    session *s = self;
    if (!s->args.npaths) return usage("run", "no playbooks: give -p PATH");
    if (!s->args.event) return usage("run", "no event: give -e FILE, or -e - for standard input");
    return run_session(s);
}

/* ---- commands ---- */

static int command_manual(void *self) {
    cli_man(&((session *)self)->cli);
    return STATUS_OK;
}

static int command_completion(void *self) {
    const session *s = self;
    if (s->args.npaths == 1 && cli_complete(&s->cli, s->args.paths[0])) return STATUS_OK;
    return usage("completion", "for which shell? bash, zsh or fish");
}

static int command_serve(void *self) {
    session *s = self;
    return s->args.npaths ? cmd_serve(s) : usage("serve", "no playbooks: give -p PATH");
}

static int command_resume(void *self) { return cmd_resume(self); }
static int command_undo(void *self) { return cmd_undo(self); }
static int command_approve(void *self) { return cmd_approve(&((session *)self)->args); }
static int command_deny(void *self) { return cmd_deny(&((session *)self)->args); }
static int command_runs(void *self) { return cmd_runs(&((session *)self)->args); }
static int command_show(void *self) { return cmd_show(&((session *)self)->args); }
static int command_kill_switch(void *self) { return cmd_kill_switch(&((session *)self)->args); }

/* `sim` has options of its own and never gets here with them. */
static const cli_command commands[] = {
    {"run", "PATH...", "run the playbooks that an event matches", command_run},
    {"sim", "", "a simulated AWS account for trying playbooks out", NULL},
    {"manual", "", "this program's manual page, for man(1)", command_manual},
    {"completion", "SHELL", "the completion for bash, zsh or fish", command_completion},
    {"serve", "PATH...", "run playbooks on events that come in by HTTP, and go on with what waited", command_serve},
    {"lambda", "", NULL, NULL},
    {"work", "", NULL, NULL},
    {"runs", "", "the runs of a store, and what each waits for", command_runs},
    {"show", "RUN", "what happened in a run, step by step, and how it goes on; RUN: an id or its beginning, an incident, or latest",
     command_show},
    {"resume", "[RUN...]", "go on with runs that wait no longer or whose process has died; without RUN: all of them",
     command_resume},
    {"approve", "[RUN]", "grant what a run asks for; without RUN: what waits for an answer", command_approve},
    {"deny", "[RUN]", "deny it", command_deny},
    {"undo", "RUN", "put back what a run has done, newest step first; what somebody has changed since stays", command_undo},
    {"kill-switch", "on|observe|off|status", "stop all changes, or see what is stopped (not SSM or DynamoDB: they are set with AWS's tools)",
     command_kill_switch},
    {"drill", "", NULL, NULL},
    {"evidence", "verify|show|export", NULL, NULL},
    {"report", "", NULL, NULL},
    {0},
};

static const cli_variable variables[] = {
    {"PB_STORE", "where runs are kept, when there is no --store"},
    {"PB_PARAM_<NAME>", "the parameter NAME of the playbooks and the site; secrets are best given so"},
    {"PB_EVENTS_SECRET, PB_EVENTS_TOKEN", "serve: what senders of events sign with, or bring"},
    {"PB_SNS_TOPICS", "serve: ARNs of SNS topics whose messages are taken as events"},
    {"PB_UI_TOKEN", "serve: the token of the page about runs"},
    {"SLACK_BOT_TOKEN, SLACK_WEBHOOK_URL", "where messages go: by a bot, or to one channel"},
    {"SLACK_SIGNING_SECRET", "serve: what Slack signs presses of buttons with"},
    {"SLACK_API_URL", "another address than Slack's own, for trying things out"},
    {"AWS_ENDPOINT_URL", "another address than AWS's own, such as that of `pbrun sim`"},
    {"AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, ...", "as AWS's own tools take them"},
    {"NO_COLOR", "not empty: no colours"},
    {0},
};

/* A command that is planned: it is not here whatever options are given. */
static bool is_planned(const char *name) {
    for (const cli_command *k = commands; k->name; k++)
        if (strcmp(k->name, name) == 0) return !k->text;
    return false;
}

/* Is it about what a store holds already? Then it makes none. */
static bool asks_store(const cli_command *k, int n, char **operands) {
    if (k->run == command_kill_switch) return n == 1 && strcmp(operands[0], "status") == 0;
    return k->run != command_run && k->run != command_serve;
}

static int run_command(session *s, int argc, char **argv) {
    s->cli = (cli){"pbrun",
                   "Runs security playbooks.",
                   {"done or nothing matched", "a run or an event failed, or playbooks do not compile", "wrong usage",
                    "waiting for an approval", "stopped by the kill switch, a guard or a limit", "internal error"},
                   commands,
                   option_rows,
                   set_option,
                   &s->args,
                   variables};
    const cli_command *command = NULL;
    int n = 0, status = cli_parse(&s->cli, argc, argv, &command, &n);
    if (status >= 0) return status;
    if (s->args.version) return printf("pbrun %s\n", PB_VERSION) > 0 ? STATUS_OK : STATUS_FAILED;
    if (!command || !command->run) return usage("", "which command?");
    bool paths =
        command->run == command_run || command->run == command_serve || command->run == command_completion;
    for (int i = 0; i < n; i++)
        if (paths ? !add_path(&s->args, argv[i]) : !add_operand(&s->args, argv[i]))
            return usage(command->name, paths ? "too many paths; give a directory" : "too many operands");
    s->args.asks_store = asks_store(command, n, argv);
    return command->run(s);
}

/* ---- the process ---- */

/* Closed standard descriptors would be given to the next file that is opened, and be written to by accident. */
static void open_standard(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            _exit(STATUS_INTERNAL);
}

static void harden(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker attaches to the process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* writing beyond a limit is an error we look at */
}

/* Each call's scratch memory comes and goes; giving its pages back to the kernel every time and having them cleared again
 * takes longer than reading a large answer. */
static void keep_memory(void) {
    enum { KEEP = 32 << 20, MAPPED = 8 << 20 };
    mallopt(M_TRIM_THRESHOLD, KEEP);
    mallopt(M_MMAP_THRESHOLD, MAPPED);
}

int main(int argc, char **argv) {
    open_standard();
    harden();
    keep_memory();
    if (argc > 1 && strcmp(argv[1], "sim") == 0) return sim_main(argc - 1, argv + 1);
    if (argc > 1 && is_planned(argv[1])) {
        fprintf(stderr, "pbrun: %s is not available in this version\n", argv[1]);
        return STATUS_USAGE;
    }
    session *s = calloc(1, sizeof *s);
    if (!s) return fail((pb_str){0}, STATUS_INTERNAL);
    s->signal_fd = -1;
    int status = run_command(s, argc, argv);
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (lost && !s->output_failed) complain_c("results could not be written: is the disk full, or the reader gone?");
    if (lost && status == STATUS_OK) status = STATUS_FAILED;
    session_end(s);
    return status;
}
