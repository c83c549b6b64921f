/*
 * image.h - the layout of a program image (.pbx). The writer is lang/image_write.c, the loader vm/image.c.
 *
 * An image is position-independent and used in place where it is mapped. All numbers are little-endian;
 * readers go through image_u32/image_u64, never through a cast struct.
 *
 *   0   magic      89 50 42 58 0d 0a 1a 0a      "\x89PBX\r\n\x1a\n": text-mode damage shows at once
 *   8   u32        format version (IMAGE_VERSION)
 *   12  u32        size of the whole file
 *   16  u32        CRC-32 (zlib's) of everything from offset 24 on: finds damage, proves nothing
 *   20  u32        number of sections (SECTION_COUNT)
 *   24  sections   SECTION_COUNT × { u32 offset, u32 count }, offsets 8-aligned, in section order, not overlapping
 *
 * Every section is an array of records; a record is an array of u32 fields, listed in image.def, so that
 * writer, loader, verifier and disassembler share one table. Three sections are different: BYTES (count is
 * in bytes), CODE and LINES (one u32 an instruction: instruction word; source << 20 | line).
 *
 * Strings: index into STRINGS, whose records say where in BYTES; NUL-terminated there; IMAGE_NIL is "no string".
 * Lists of numbers live in LISTS as { n, item, item ... }; a field holds the index of n.
 */
#ifndef PB_IMAGE_H
#define PB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_MAGIC "\x89PBX\r\n\x1a\n"
#define IMAGE_NIL UINT32_MAX
enum {
    IMAGE_VERSION = 3,
    IMAGE_HEAD = 24,
    IMAGE_MAX_SIZE = 64 << 20,   /* a bundle of thousands of playbooks is about 10 MB */
    IMAGE_MAX_REGS = 250,        /* leaves room in 8 bits for the three registers behind FORNEXT's and VERIFY's */
    IMAGE_MAX_PARAMS = 32,       /* of a function */
    IMAGE_MAX_DEPTH = 64,        /* calls under one another */
    IMAGE_MAX_TRY = 16,          /* TRYs open at once in one function */
    IMAGE_MAX_ENTER = 16,        /* ENTERs open at once in one function */
    IMAGE_MAX_FORKS = 64,        /* branches of one parallel */
    IMAGE_MAX_FORK_DEPTH = 8     /* parallel inside parallel in one function: each level copies the registers */
};

/* Sections and the fields of their records. SECTION(NAME, fields...) */
enum image_section {
#define SECTION(name, ...) SECTION_##name,
#include "lang/image.def"
#undef SECTION
    SECTION_COUNT
};

/* Field numbers, checked against image.def by lang/image.c: FUNCTIONS_name is field 0 of a FUNCTIONS record, ... */
enum { STRINGS_offset, STRINGS_length, STRINGS_FIELDS };
enum { CONSTS_kind, CONSTS_low, CONSTS_high, CONSTS_FIELDS };
enum {
    FUNCTIONS_name, FUNCTIONS_kind, FUNCTIONS_effect, FUNCTIONS_nparams, FUNCTIONS_nregs, FUNCTIONS_code,
    FUNCTIONS_ncode, FUNCTIONS_consts, FUNCTIONS_nconsts, FUNCTIONS_params, FUNCTIONS_target, FUNCTIONS_undo, FUNCTIONS_undo_none,
    FUNCTIONS_ncaptured, FUNCTIONS_FIELDS
};
enum {
    SITES_kind, SITES_target, SITES_name, SITES_alias, SITES_effect, SITES_timeout, SITES_retry, SITES_nargs,
    SITES_flags, SITES_source, SITES_line, SITES_title, SITES_FIELDS
};
enum { TYPES_kind, TYPES_optional, TYPES_elem, TYPES_fields, TYPES_name, TYPES_FIELDS };
enum {
    EVENTS_name, EVENTS_sources, EVENTS_detail_types, EVENTS_payload, EVENTS_each, EVENTS_id, EVENTS_threat,
    EVENTS_detected, EVENTS_account, EVENTS_region, EVENTS_sample, EVENTS_resources, EVENTS_principals, EVENTS_FIELDS
};
enum { PARAMS_name, PARAMS_type, PARAMS_has_default, PARAMS_default_const, PARAMS_FIELDS };
enum {
    PLAYBOOKS_name, PLAYBOOKS_version, PLAYBOOKS_summary, PLAYBOOKS_owner, PLAYBOOKS_tier, PLAYBOOKS_controls,
    PLAYBOOKS_event, PLAYBOOKS_match, PLAYBOOKS_body, PLAYBOOKS_effect, PLAYBOOKS_source, PLAYBOOKS_timeout,
    PLAYBOOKS_dedupe, PLAYBOOKS_dedupe_ms, PLAYBOOKS_limit, PLAYBOOKS_limit_ms, PLAYBOOKS_limit_else,
    PLAYBOOKS_concurrency, PLAYBOOKS_FIELDS
};
enum {
    GUARDS_name, GUARDS_function, GUARDS_patterns, GUARDS_authorized, GUARDS_source, GUARDS_line, GUARDS_FIELDS
};
enum { SOURCES_path, SOURCES_sha, SOURCES_FIELDS };
enum { MANIFEST_host, MANIFEST_effect, MANIFEST_FIELDS };
enum { SETTINGS_section, SETTINGS_name, SETTINGS_key, SETTINGS_text, SETTINGS_param, SETTINGS_FIELDS };

/* Size of a record in u32s, the number of its fields, and their names, for the disassembler and the loader (lang/image.c). */
extern const uint8_t image_record_fields[SECTION_COUNT];
extern const char *const image_section_names[SECTION_COUNT];

/* Kinds of constants (CONSTS.kind). `value` is two u32, low first. */
enum image_const {
    CONST_NONE, CONST_BOOL, CONST_INT, CONST_FLOAT, CONST_STRING /* low = string index */, CONST_DURATION /* ms */
};
/* Kinds of functions (FUNCTIONS.kind). */
enum image_function { FUNCTION_PURE, FUNCTION_ACTION, FUNCTION_MATCH, FUNCTION_BODY };
/* SITES.kind: what INVOKE calls. A host takes one map of named arguments in A; an action takes its parameters in A, A+1, ... */
enum image_site { SITE_HOST /* target = string: "slack.notify", "aws.ec2.DescribeInstances" */, SITE_ACTION /* target = function */ };
/* SITES.flags */
enum { SITE_IS_DO = 1 /* written as a do statement, so it is a step of the run */ };
/* ENTER's third operand: what is given */
enum { ENTER_ACCOUNT = 1, ENTER_REGION = 2 };
/* TYPES.kind, for CAST and parameters. list/map: elem = type index; record: fields = list of (name string, type) pairs */
enum image_type {
    IMAGE_TYPE_ANY, IMAGE_TYPE_BOOL, IMAGE_TYPE_INT, IMAGE_TYPE_FLOAT, IMAGE_TYPE_STRING, IMAGE_TYPE_BYTES,
    IMAGE_TYPE_DURATION, IMAGE_TYPE_TIME, IMAGE_TYPE_IP, IMAGE_TYPE_CIDR, IMAGE_TYPE_ARN, IMAGE_TYPE_SECRET,
    IMAGE_TYPE_LIST, IMAGE_TYPE_MAP, IMAGE_TYPE_RECORD
};
enum image_tier { TIER_AUTO, TIER_APPROVE, TIER_MANUAL };
/* PLAYBOOKS.limit_else: above the limit the run ends as stopped, or its body asks first (limit.ask) */
enum image_limit_else { LIMIT_STOP, LIMIT_APPROVE };

/*
 * Hosts that statements call, all of effect notify, so that a dry run holds them back:
 *   approval.ask { question, via: [{kind, to}], by: [{kind, name}], quorum, within, escalate: [{kind, name, after}],
 *                  block: "file:line sha256", values: map, state: map, round: int, drift: bool }
 *                -> { decision: "granted" | "denied" | "expired", by: [string], reason: string? }
 *   limit.ask    {} -> { decision, by, reason }        the site's approvals say whom; granted at once below the limit
 *   wait.for     { time: duration } -> none
 */
#define HOST_APPROVAL_ASK "approval.ask"
#define HOST_LIMIT_ASK "limit.ask"
#define HOST_WAIT_FOR "wait.for"

/* ---- reading: image.c. The loader and the disassembler share the layout check ---- */

/* Where the sections of a checked image are. */
typedef struct image_view {
    const uint8_t *base;
    uint32_t size;
    uint32_t offset[SECTION_COUNT], count[SECTION_COUNT];
} image_view;

enum { IMAGE_ERR_MAX = 160 }; /* a sentence of image_layout_check */

/*
 * Is this an image whose every record can be followed? Checks magic, version, size, checksum, the section table, and
 * that each string, list, type, function, event ... index lies inside its section, enumerations are known, code and
 * constant ranges lie inside CODE and CONSTS, and that a type is made only of earlier ones (so there are no cycles).
 * It says nothing about instructions: that is the verifier's (vm/verify.c). False with a sentence in err.
 */
bool image_layout_check(const void *image, size_t size, image_view *v, char err[IMAGE_ERR_MAX]);

static inline uint32_t image_u32(const void *p) {
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline void image_put_u32(void *p, uint32_t v) {
    uint8_t *b = p;
    b[0] = (uint8_t)v, b[1] = (uint8_t)(v >> 8), b[2] = (uint8_t)(v >> 16), b[3] = (uint8_t)(v >> 24);
}

/* Field of a record; the indexes must be in range (those found in a checked image are). */
static inline uint32_t image_field(const image_view *v, enum image_section s, uint32_t index, uint32_t field) {
    return image_u32(v->base + v->offset[s] + ((size_t)index * image_record_fields[s] + field) * 4);
}
/* Text of a string and its length; IMAGE_NIL gives "". */
static inline const char *image_text(const image_view *v, uint32_t string, uint32_t *length) {
    *length = string == IMAGE_NIL ? 0 : image_field(v, SECTION_STRINGS, string, STRINGS_length);
    if (string == IMAGE_NIL) return "";
    return (const char *)v->base + v->offset[SECTION_BYTES] + image_field(v, SECTION_STRINGS, string, STRINGS_offset);
}
/* Item i of a list (0 when out of range); *n, when not NULL, = its size. IMAGE_NIL is an empty list. */
static inline uint32_t image_item(const image_view *v, uint32_t list, uint32_t i, uint32_t *n) {
    uint32_t size = list == IMAGE_NIL ? 0 : image_field(v, SECTION_LISTS, list, 0);
    if (n) *n = size;
    return i < size ? image_field(v, SECTION_LISTS, list + 1 + i, 0) : 0;
}

#endif
