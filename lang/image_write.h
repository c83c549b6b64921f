/*
 * image_write.h - builds a program image (image.h) piece by piece: for codegen, and for tests that need images by hand.
 *
 *     iw *w = iw_new(arena);
 *     iw_source(w, PB_STR("test.pb"), PB_STR(""));     (places name source 0: there must be one)
 *     uint32_t f = iw_function_begin(w, PB_STR("answer"), FUNCTION_PURE, PB_PURE, 0);
 *     iw_place(w, 0, 1);
 *     iw_emit(w, op_abx(OPCODE_LOADK, 0, iw_const(w, CONST_INT, 42)));
 *     iw_emit(w, op_abc(OPCODE_RETURN, 0, 0, 0));
 *     iw_function_end(w, 1);
 *     ... iw_type, iw_site, iw_event, iw_param, iw_playbook, iw_source, iw_manifest ...
 *     if (iw_finish(w, &buf) != IW_OK) ...
 *
 * Everything returns the index of what was added; a fault (no memory, a section too large) is kept and told by
 * iw_finish, so that the calls in between need no checks. Strings, lists and types are pooled: the same content gives
 * the same index. One function is open at a time; its constants are pooled within it.
 */
#ifndef PB_IMAGE_WRITE_H
#define PB_IMAGE_WRITE_H

#include "lang/base.h"
#include "lang/image.h"
#include "lang/opcodes.h"

typedef struct iw iw;

typedef enum iw_fault { IW_OK, IW_NO_MEMORY, IW_TOO_LARGE /* over IMAGE_MAX_SIZE */ } iw_fault;

iw *iw_new(pb_arena *a); /* NULL: out of memory. All of its memory is the arena's */
iw_fault iw_fault_of(const iw *w);

/* ---- pools ---- */
uint32_t iw_string(iw *w, pb_str s);        /* s.s may be NULL: the empty string */
uint32_t iw_string_or_nil(iw *w, pb_str s); /* IMAGE_NIL when s.s is NULL */
uint32_t iw_list(iw *w, const uint32_t *items, uint32_t n);

/* ---- functions ---- */
uint32_t iw_function_begin(iw *w, pb_str name, enum image_function kind, pb_effect effect, uint32_t nparams);
void iw_function_end(iw *w, uint32_t nregs);
/* What is said of a function after it was begun. target: which parameter. An action has an undo function, which takes
 * its parameters and ncaptured values, or a text that says why it has none (iw_undo_none). */
void iw_params(iw *w, uint32_t function, uint32_t names); /* list of strings */
void iw_target(iw *w, uint32_t function, uint32_t parameter);
void iw_undo(iw *w, uint32_t function, uint32_t undo, uint32_t ncaptured);
void iw_undo_none(iw *w, uint32_t function, pb_str why);
/* Of the open function: index in its own range, what K operands hold. Without an open function: the global index, for
 * PARAMS.default_const. value: bool 0/1, int and duration as they are, float as its bits, string as string index. */
uint32_t iw_const(iw *w, enum image_const kind, uint64_t value);
uint32_t iw_const_string(iw *w, pb_str s);
uint32_t iw_const_float(iw *w, double d);
/* Place (source index, line from 1) of the instructions emitted from now on. Lines over 2^20-1 are written as that. */
void iw_place(iw *w, uint32_t source, uint32_t line);
uint32_t iw_emit(iw *w, uint32_t instruction); /* its pc in the function */
uint32_t iw_pc(const iw *w);                   /* of the next instruction */
/* Makes the jump at `pc` go to `target`. False when it is too far for 16 bits. */
bool iw_jump(iw *w, uint32_t pc, uint32_t target);

/* ---- records, in the order of image.def ---- */
typedef struct iw_site_info {
    enum image_site kind;
    pb_str host;         /* SITE_HOST */
    uint32_t function;   /* SITE_ACTION */
    pb_str name;         /* for people: "ec2.isolate", "aws.ec2.DescribeInstances" */
    pb_str alias;        /* .s NULL: none */
    pb_effect effect;
    uint32_t timeout_ms; /* 0: none */
    uint32_t retry, nargs;
    bool is_do;
    uint32_t source, line;
    pb_str title;        /* the call as written */
} iw_site_info;
uint32_t iw_site(iw *w, const iw_site_info *s);

/* elem: IMAGE_NIL unless list/map; fields: IMAGE_NIL unless a record, then an iw_list of (name string, type) pairs. */
uint32_t iw_type(iw *w, enum image_type kind, bool optional, uint32_t elem, uint32_t fields, pb_str name);

typedef struct iw_event_info {
    pb_str name;
    uint32_t sources, detail_types;         /* lists of strings */
    pb_str payload;
    pb_str each, id, threat, detected;      /* .s NULL: none */
    pb_str account, region, sample;
    bool has_paths;                         /* the two lists below are given */
    uint32_t resources, principals;         /* lists of strings */
} iw_event_info;
uint32_t iw_event(iw *w, const iw_event_info *e);

uint32_t iw_param(iw *w, pb_str name, uint32_t type, bool has_default, uint32_t default_const);

typedef struct iw_playbook_info {
    pb_str name, version, summary, owner;   /* .s NULL: not written */
    enum image_tier tier;
    uint32_t controls;                      /* list of strings */
    uint32_t event, match, body;
    pb_effect effect;
    uint32_t source;
    uint32_t timeout_ms;                    /* 0: none */
    bool has_dedupe;                        /* the next two are given */
    uint32_t dedupe, dedupe_ms;
    uint32_t limit, limit_ms;               /* 0: none */
    enum image_limit_else limit_else;
    uint32_t concurrency;                   /* 0: any number */
} iw_playbook_info;
uint32_t iw_playbook(iw *w, const iw_playbook_info *p);

typedef struct iw_guard_info {
    pb_str name, authorized;                /* authorized.s NULL: nothing lifts it */
    uint32_t function, patterns;            /* patterns: list of strings */
    uint32_t source, line;
} iw_guard_info;
uint32_t iw_guard(iw *w, const iw_guard_info *g);

uint32_t iw_source(iw *w, pb_str path, pb_str sha_hex);
uint32_t iw_manifest(iw *w, pb_str host, pb_effect effect);
/* A setting of the site: its text, or (param not IMAGE_NIL) the deployment parameter that holds it. name.s NULL: none. */
uint32_t iw_site_setting(iw *w, pb_str section, pb_str name, pb_str key, pb_str text, uint32_t param);

/* Lays the image out into `out` (emptied first). Anything but IW_OK leaves it empty. */
iw_fault iw_finish(iw *w, pb_buf *out);

#endif
