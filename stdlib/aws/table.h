/*
 * table.h - the records of the AWS table, as gen_model.py writes them. Private to stdlib/aws: the rest asks model.h or
 * the compiler's schema.
 *
 * The table is one block of read-only data: a header of (offset, count) pairs and under it sections of records of fixed
 * size. Records name each other by number, counted from 1; number 0 is a zeroed record and stands for "none", so a
 * chain of look-ups needs no checks on the way. Numbers that come from outside (aws_op, aws_shape, aws_service) are
 * checked against the count and give that zeroed record when out of range. Texts are offsets into one pool in which
 * every text occurs once: equal texts have equal offsets. Built for the machine that runs it, so little-endian is
 * asserted, not converted.
 */
#ifndef PB_AWS_TABLE_H
#define PB_AWS_TABLE_H

#include "stdlib/aws/model.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the AWS table is little-endian");

typedef uint32_t tab_text; /* offset into the pool */

typedef enum tab_section {
    TAB_SERVICES, TAB_OPS, TAB_SHAPES, TAB_REFS, TAB_EXTRAS, TAB_LIMITS, TAB_ERRORS, TAB_ENUMS, TAB_OP_ERRORS,
    TAB_PARTITIONS, TAB_PREFIXES, TAB_PLACES, TAB_PLACE_OF, TAB_ENDPOINTS, TAB_PAGERS, TAB_WAITERS, TAB_ACCEPTORS, TAB_TEXTS, TAB_TEXT, TAB_SECTIONS
} tab_section;

struct aws_model {
    char magic[8];
    struct { uint32_t offset, count; } section[TAB_SECTIONS];
};

typedef struct tab_service {
    tab_text name, api_version, endpoint_prefix, signing_name, target_prefix, json_version, service_id, xml_namespace;
    tab_text signature_version, full_name, global_endpoint;
    uint32_t first_op, nops;       /* by name */
    uint32_t first_shape, nshapes; /* by name */
    uint8_t protocol;              /* aws_protocol */
    uint8_t flags;                 /* TAB_V_* */
    uint16_t nwaiters;
    uint32_t first_waiter; /* by name */
} tab_service;

enum { TAB_V_QUERY_COMPATIBLE = 1, TAB_V_GLOBAL = 2 };

typedef enum tab_method { TAB_GET, TAB_POST, TAB_PUT, TAB_DELETE, TAB_PATCH, TAB_HEAD, TAB_OPTIONS } tab_method;

typedef struct tab_op {
    tab_text name;
    uint16_t service;
    uint8_t effect; /* pb_effect */
    uint8_t method; /* tab_method */
    tab_text uri;   /* /2015-03-31/functions/{FunctionName}?x */
    uint32_t input, output; /* references, 0: none */
    tab_text host_prefix;
    tab_text checksum_member; /* input member that chooses a checksum algorithm */
    tab_text wrapper;         /* query: the element the result is in */
    tab_text wire_name;       /* the model's own "name"; differs for cloudfront only */
    uint32_t first_error;     /* into TAB_OP_ERRORS: shapes */
    uint16_t nerrors, status; /* status: responseCode, 0: not said */
    uint8_t flags, auth /* aws_auth */;
    uint16_t pager; /* into TAB_PAGERS, 0: none */
} tab_op;

enum {
    TAB_O_DEPRECATED = 1, TAB_O_CHECKSUM = 2 /* httpChecksum required */, TAB_O_MD5 = 4 /* httpChecksumRequired */,
    TAB_O_ACCOUNT = 8 /* the endpoint's rules put the account in front */, TAB_O_DISCOVERY = 16
};

typedef struct tab_shape {
    tab_text name;
    uint32_t first;   /* STRUCT: first member; LIST: item; MAP: key, then value; STRING: first of TAB_ENUMS */
    uint32_t detail;  /* STRUCT: TAB_ERRORS; else TAB_LIMITS */
    uint16_t n;       /* members, enum values */
    uint16_t payload; /* STRUCT: the member that is the body, counted from 1 */
    uint16_t flags;   /* TAB_S_* */
    uint8_t kind;     /* schema_kind */
    uint8_t pad;
} tab_shape;

enum {
    TAB_S_SENSITIVE = 1, TAB_S_UNION = 2, TAB_S_DOCUMENT = 4, TAB_S_EVENTSTREAM = 8, TAB_S_ERROR = 16,
    TAB_S_STREAMING = 32,
    TAB_S_LONG = 64 /* 64 bits */, TAB_S_SENDER = 128, TAB_S_BOX = 256, TAB_S_DEPRECATED = 512
};

typedef enum tab_location { TAB_BODY, TAB_URI, TAB_QUERYSTRING, TAB_HEADER, TAB_HEADERS, TAB_STATUS } tab_location;
typedef enum tab_time { TAB_TIME_DEFAULT, TAB_TIME_ISO8601, TAB_TIME_RFC822, TAB_TIME_UNIX } tab_time;

/* A use of a shape: a member, a list's item, a map's key or value, an operation's input or output. */
typedef struct tab_ref {
    tab_text name, wire; /* wire: locationName, empty: same as name */
    uint32_t shape;
    uint16_t flags; /* TAB_R_* */
    uint8_t location, time;
    uint16_t extra, pad;
} tab_ref;

enum {
    TAB_R_REQUIRED = 1, TAB_R_DEPRECATED = 2, TAB_R_TOKEN = 4, TAB_R_FLAT = 8, TAB_R_ATTRIBUTE = 16,
    TAB_R_JSONVALUE = 32,
    TAB_R_STREAMING = 64, TAB_R_HOSTLABEL = 128, TAB_R_BOX = 256, TAB_R_EVENT = 512
};

typedef struct tab_extra { tab_text xml_uri, xml_prefix, query_name; } tab_extra;
typedef struct tab_limit { int64_t min, max; tab_text pattern; uint32_t flags; } tab_limit;
enum { TAB_L_MIN = 1, TAB_L_MAX = 2 };
typedef struct tab_error { tab_text code; uint16_t status, sender; } tab_error;
typedef struct tab_partition { tab_text name, suffix; uint32_t first_prefix, nprefixes; } tab_partition;
/* Where a service is in a partition and variant. TAB_PLACE_OF has a 16-bit number of one for each service, partition and
 * variant (4), in this order; 0: the service is not there. */
typedef struct tab_place {
    tab_text hostname; /* "ec2.{region}.amazonaws.com"; empty: only in the regions listed */
    tab_text scope;    /* region to sign for; empty: the region itself */
    uint32_t first, n; /* TAB_ENDPOINTS: regions that differ; an empty hostname there: not in this region */
} tab_place;
typedef struct tab_endpoint { tab_text region, hostname, scope; } tab_endpoint;
/* In TAB_TEXTS from `first`: ntokens input members, as many expressions for the next tokens, nresults dotted paths. */
typedef struct tab_pager { tab_text limit, more; uint32_t first; uint16_t ntokens, nresults; } tab_pager;
typedef struct tab_waiter {
    tab_text name;
    uint32_t op, first; /* first: into TAB_ACCEPTORS */
    uint16_t nacceptors, attempts;
    uint32_t delay_s;
} tab_waiter;
typedef struct tab_acceptor {
    tab_text argument, expected;
    uint32_t number;              /* the same of kind 1 */
    uint8_t matcher, state, kind; /* aws_matcher, aws_state; kind: 0 text, 1 number, 2 bool (empty: false) */
    uint8_t pad;
} tab_acceptor;

static inline const void *tab_at(const aws_model *m, tab_section s, uint32_t i, size_t size) {
    if (i >= m->section[s].count) i = 0;
    return (const char *)m + m->section[s].offset + (size_t)i * size;
}
static inline const tab_service *tab_service_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_SERVICES, i, sizeof(tab_service));
}
static inline const tab_op *tab_op_at(const aws_model *m, uint32_t i) { return tab_at(m, TAB_OPS, i, sizeof(tab_op)); }
static inline const tab_shape *tab_shape_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_SHAPES, i, sizeof(tab_shape));
}
static inline const tab_ref *tab_ref_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_REFS, i, sizeof(tab_ref));
}
static inline const tab_extra *tab_extra_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_EXTRAS, i, sizeof(tab_extra));
}
static inline const tab_limit *tab_limit_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_LIMITS, i, sizeof(tab_limit));
}
static inline const tab_error *tab_error_at(const aws_model *m, uint32_t i) {
    return tab_at(m, TAB_ERRORS, i, sizeof(tab_error));
}

/* The i-th member (from 0) of a structure; i is below shape->n. */
static inline const tab_ref *tab_member(const aws_model *m, const tab_shape *s, uint32_t i) {
    return tab_ref_at(m, s->first + i);
}
static inline const tab_shape *tab_ref_shape(const aws_model *m, const tab_ref *r) { return tab_shape_at(m, r->shape); }

pb_str tab_str(const aws_model *m, tab_text t);
/* locationName, else the member's own name. */
pb_str tab_wire(const aws_model *m, const tab_ref *r);
/* Member by API name, by name on the wire; NULL: none. */
const tab_ref *tab_find(const aws_model *m, const tab_shape *s, pb_str name);
const tab_ref *tab_find_wire(const aws_model *m, const tab_shape *s, pb_str wire);
const char *tab_method_name(uint8_t method);

#endif
