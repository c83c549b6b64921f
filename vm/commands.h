/*
 * commands.h - what pbrun.c and the files of its other commands (cmd_<name>.c) share: the options as given, exit
 * statuses, and how a command complains. Each command is one function `int cmd_<name>(const run_args *)`; its row and its
 * options stand in pbrun.c's tables.
 */
#ifndef PB_COMMANDS_H
#define PB_COMMANDS_H

#include "lang/base.h"

/* Scripts rely on these; README lists them. Of several runs the worst counts: 5, 2, 1, 4, 3, 0. */
enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_WAITING = 3,
    STATUS_STOPPED = 4, /* by the kill switch, a guard or a limit */
    STATUS_INTERNAL = 5
};

enum {
    PATHS_MAX = 4096, /* -p */
    SETS_MAX = 256,   /* --set */
    OPERANDS_MAX = 64
};

typedef struct run_args {
    const char *paths[PATHS_MAX];
    size_t npaths;
    const char *sets[SETS_MAX];
    size_t nsets;
    const char *operands[OPERANDS_MAX]; /* of commands other than `run`, whose operands are paths */
    size_t noperands;
    const char *event, *evidence, *site;
    const char *store;         /* --store as given; cmd_store opens it */
    bool asks_store;           /* the command is about what a store holds: one that is not there is not made */
    const char *listen;        /* --listen */
    const char *reason, *scope;
    const char *step;          /* undo */
    const char *as, *link_for; /* approve, deny: the person one answers as; approve --link: the person it is for */
    bool yes, link;
    const char *status, *playbook, *incident; /* runs */
    int64_t since_ms, prune_ms;
    uint32_t max;
    bool full; /* show */
    bool dry, observe, json, quiet, version;
    int64_t timeout_ms;
} run_args;

/* "pbrun: ..." to standard error, made plain. */
void cmd_complain(pb_str message);
/* The same; an empty message means that memory ran out. Gives status back. */
int cmd_fail(pb_str message, int status);
/* --store, else PB_STORE. NULL with a sentence in *err. */
struct store;
struct store *cmd_store(const run_args *a, pb_arena *arena, pb_str *err);
/* The same with the place given: of a command that asks about what is there (asks_store), none is made. */
struct store *cmd_store_at(const run_args *a, const char *url, pb_arena *arena, pb_str *err);

/* "500ms" "30s" "5m" "2h" "7d", up to a year. */
bool cmd_duration(const char *text, int64_t *ms);

int cmd_kill_switch(const run_args *a);
int cmd_runs(const run_args *a);
int cmd_show(const run_args *a);
int cmd_approve(const run_args *a);
int cmd_deny(const run_args *a);

#endif
