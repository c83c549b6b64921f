/*
 * source.h - the set of source files of one compile: reading, UTF-8 check, lines, imports.
 */
#ifndef PB_SOURCE_H
#define PB_SOURCE_H

#include "lang/diag.h"

typedef struct source_file {
    pb_str path;     /* as shown to the user; "<stdlib>/ec2.pb" for built-in ones */
    pb_str text;     /* NUL-terminated, valid UTF-8 */
    uint32_t *lines; /* byte offset of each line's start */
    uint32_t nlines;
    bool builtin;       /* part of the standard library: may declare extern actions */
    bool bom;           /* began with a byte order mark, which `text` leaves out */
    bool broken;        /* not UTF-8 or with control characters: reported, bad bytes replaced by '?', not parsed */
    uint8_t sha256[32]; /* filled by source_hash */
} source_file;

typedef struct source_set {
    pb_arena *arena;
    source_file *files;
    uint32_t count, cap;
} source_set;

/* Adds a file to the set: copies the text, cuts a byte order mark off, finds the lines, reports bad bytes (broken).
 * The new file's index, or UINT32_MAX when out of memory. Pointers to files do not survive this. */
uint32_t source_add(source_set *s, diag_list *diags, pb_str path, const char *text, size_t size, bool builtin);
/* Fills sha256 with the hash of the file's bytes as they were read (that is, as sha256sum has it). */
bool source_hash(source_file *f);

/* Is it a file of tests ("iam_test.pb")? What is in there is for tests only. */
bool source_is_test(const source_file *f);

/* Line and column (both from 1; column in characters, not bytes) of a byte offset. */
void source_place(const source_file *f, uint32_t offset, uint32_t *line, uint32_t *column);

/* The text of a span on one line, white space folded into single blanks; what is longer than max bytes (0: no limit) is cut between
 * characters, with "…" behind. .s NULL: out of memory. */
pb_str source_folded(const source_set *s, pb_span span, uint32_t max, pb_arena *a);

#endif
