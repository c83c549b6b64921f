/*
 * scan.h - the scanner's rules in C (scan.c), called from lexer.l, and its way in for parse.c.
 */
#ifndef PB_SCAN_H
#define PB_SCAN_H

#include "lang/parse.h"
#include "lang/parser.h"

enum { SCAN_SKIP = -3 }; /* nothing for the parser: go on */

/* One token: its kind, SCAN_SKIP, or TOK_END (0). Made by flex. */
int parse_scan(PBYSTYPE *value, pb_span *place, void *scanner);
/* The next token for the grammar (parse.c). */
int pbylex(PBYSTYPE *value, pb_span *place, parse_ctx *c);
/* Makes the scanner of c->text. False when out of memory. Nothing has to be freed. */
bool scan_begin(parse_ctx *c);

/* A mistake in the text itself: later syntax errors that begin in its span are dropped as its echo. */
diag *scan_mistake(parse_ctx *c, diag_code code, pb_span span, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int scan_word(parse_ctx *c, PBYSTYPE *value, const pb_span *place, pb_str text);
int scan_integer(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_quantity(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_float(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_bad_fraction(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_dotted_number(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_bare_interpolation(parse_ctx *c, pb_span *place); /* sets c->pos further */
int scan_open(parse_ctx *c, const pb_span *place, char kind, int token);
int scan_close(parse_ctx *c, const pb_span *place, char kind, int token);
int scan_text_end(parse_ctx *c);
void scan_newline(parse_ctx *c, const pb_span *place);
void scan_unclosed(parse_ctx *c, const pb_span *place);
void scan_comment(parse_ctx *c, pb_span place);
void scan_semicolon(parse_ctx *c, pb_span place);
void scan_foreign_comment(parse_ctx *c, pb_span place);
void scan_block_comment(parse_ctx *c, pb_span *place); /* sets c->pos behind it */
int scan_single_quoted(parse_ctx *c, PBYSTYPE *value, pb_span place, pb_str text);
int scan_bad_character(parse_ctx *c, PBYSTYPE *value, pb_span *place, pb_str text); /* may set c->pos further */
pb_str scan_unicode(parse_ctx *c, pb_span place, pb_str text);
pb_str scan_bad_escape(parse_ctx *c, pb_span place, pb_str text);
/* The token that closes what an opener of this kind opened. */
int scan_closer(char kind);

/* Whether a declaration begins with this word, by what follows it (a name and a bracket, ...). */
bool scan_is_declaration(const parse_ctx *c, int token, pb_span at);

#endif
