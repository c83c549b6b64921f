/*
 * options.h - command lines: one table of options a command feeds the parser and the help text.
 */
#ifndef PB_OPTIONS_H
#define PB_OPTIONS_H

#include "lang/base.h"

typedef struct option_row {
    char letter;       /* 0: none */
    const char *name;  /* without -- */
    const char *value; /* what to call its value in the help; NULL: a switch */
    const char *help;
} option_row;

typedef struct options {
    int argc, at;
    char **argv;
    const option_row *rows;
    size_t nrows;
    bool words_only;    /* after -- */
    char error[256];
} options;

enum { OPTIONS_END = -1, OPTIONS_WORD = -2, OPTIONS_ERROR = -3 };

/* argv[0] is the command's name. */
void options_begin(options *o, int argc, char **argv, const option_row *rows, size_t nrows);
/* Index of the row that comes next, its value in *value; OPTIONS_WORD: *value is a word that is no option; OPTIONS_ERROR:
 * see error. */
int options_next(options *o, const char **value);
/* "  -p, --playbooks PATH   what it does", one line an option. */
void options_help(const option_row *rows, size_t nrows, pb_buf *out);

/* "500ms" "30s" "5m" "2h" "7d" to ms; false when it is none or is longer than a year. */
bool options_duration(const char *text, int64_t *ms);

#endif
