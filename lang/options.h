/*
 * options.h - the command line from one table: it drives parsing, --help, the manual page and the shells' completions.
 *
 * Understood are --name VALUE, --name=VALUE, -x VALUE, -xVALUE, and -- (only operands follow). "-" is an operand.
 */
#ifndef PB_OPTIONS_H
#define PB_OPTIONS_H

#include "lang/base.h"

typedef struct cli_option {
    const char *commands; /* the commands that take it, blanks between; "*": all */
    char letter;          /* 0: none */
    const char *name;     /* without -- */
    const char *value;    /* what is shown for its value; NULL: takes none */
    const char *text;     /* for --help */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *operands; /* "PATH..." */
    const char *text;     /* one line for --help; NULL: planned, not in this version */
    int (*run)(void *self);
} cli_command;

enum { CLI_STATUSES = 6 };

typedef struct cli_variable {
    const char *name, *text;
} cli_variable;

typedef struct cli {
    const char *program, *about;
    const char *statuses[CLI_STATUSES]; /* what each exit status means: "findings"; NULL: it has no such one */
    const cli_command *commands; /* ended by a NULL name */
    const cli_option *options;   /* ended by a NULL name */
    /* Takes one option; value is NULL when it has none. False: a sentence in err says what is wrong with the value. */
    bool (*set)(void *self, const char *name, const char *value, char err[256]);
    void *self;
    const cli_variable *variables; /* of the environment, for the manual page; ended by a NULL name. NULL: none */
} cli;

/* Looks the command up, sets its options, leaves the operands in argv[0..*n). Returns -1 to go on, else the exit
 * status: 0 after --help, 2 after a message about wrong usage. */
int cli_parse(const cli *c, int argc, char **argv, const cli_command **command, int *n);
/* The whole help, or that of one command, to standard output. */
void cli_help(const cli *c, const cli_command *command);
/* Does the command take the option? */
bool cli_takes(const cli_option *o, const char *command);
/* The manual page (roff) and the completion of "bash", "zsh" or "fish", to standard output. False: no such shell. */
void cli_man(const cli *c);
bool cli_complete(const cli *c, const char *shell);

#endif
