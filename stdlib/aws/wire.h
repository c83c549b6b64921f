/*
 * wire.h - what the parts of the codec share. Private to stdlib/aws; everybody else uses codec.h.
 *
 * A `codec` is one message being written or read: the model, the operation, the arena for results, and the place for
 * the first error. Writers add to a pb_buf (malloc) whose contents move to the arena at the end; readers make values in
 * the arena. A path is a chain of stack frames that says where in the value we are; it becomes text only in an error.
 *
 * Parts: codec_text.c scalars, times and percent-encoding; codec_validate.c the check of inputs against the model;
 * codec_query.c the form bodies of query and ec2; codec_json.c; codec_xml.c; codec_rest.c addresses, headers and
 * payloads of the two REST protocols; codec_route.c which operation a request means; codec_error.c the envelopes of
 * errors; codec_custom.c what single operations do otherwise than their model says; codec.c puts them together.
 */
#ifndef PB_AWS_WIRE_H
#define PB_AWS_WIRE_H

#include "stdlib/aws/codec.h"
#include "stdlib/aws/table.h"

enum {
    WIRE_MAX_DEPTH = 64,     /* of values and documents: recursion is bounded by it; as deep as JSON_MAX_DEPTH */
    WIRE_MAX_ITEMS = 10000,  /* of one list in a form body: more would be an attack on the simulated account */
    WIRE_MAX_PARAMS = 10000, /* of a form body or query string; AWS's own largest calls have about 1,000 */
    WIRE_MAX_JSON = 64 << 20, /* the client takes no longer answer (client.c); its arena bounds what the values take */
    WIRE_MAX_TREE = 256 << 20, /* what the elements of the longest answer may take */
    WIRE_MAX_MESSAGE = 600   /* bytes of a body that is no answer of the protocol, kept as the error's message */
};

typedef struct codec {
    pb_arena *a;
    const aws_model *m;
    const tab_service *service;
    const tab_op *op;
    aws_error *err;
    pb_arena *tree; /* of a parsed document, for as long as the message is read; NULL: none so far */
    const char *bad; /* code for what does not fit: "ParamValidation", "InvalidResponse", on the server AWS's own */
    bool server;
} codec;

typedef struct wire_path {
    const struct wire_path *up;
    pb_str name; /* member or key; .s NULL: an index */
    uint32_t index;
} wire_path;

/* Sets the error unless there is one already; false, so that callers can return it. */
bool codec_fail(codec *c, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool codec_wrong(codec *c, const wire_path *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool codec_oom(codec *c);
/* "Filters[0].Values"; "input" for the whole. */
pb_str wire_path_text(pb_arena *a, const wire_path *at);
/* Moves the buffer's contents into the arena and frees the buffer. False: out of memory (said in c->err). */
bool codec_take(codec *c, pb_buf *b, pb_str *out);

/* ---- codec_text.c ---- */

/* Percent-encodes all but letters, digits, -._~ and `keep`. */
void text_encode(pb_buf *b, pb_str s, const char *keep);
/* False: out of memory. A % without two hexadecimal digits stays as it is. */
bool text_decode(pb_arena *a, pb_str s, bool plus_is_space, pb_str *out);
void text_put_double(pb_buf *b, double d);
void text_put_time(pb_buf *b, int64_t ms, uint8_t format);
/* ISO 8601, RFC 822 or seconds since 1970, whatever it is: services mix them. */
bool text_read_time(pb_str s, int64_t *ms);
/* A time, also one that is a string of ISO 8601 (state kept as JSON). */
bool text_time_of(pb_value v, int64_t *ms);
bool text_is(pb_str s, const char *z, bool ignore_case);
/* A copy in UTF-8. Headers are not bound to it: what is no UTF-8 is taken as Latin-1. .s NULL: out of memory. */
pb_str text_utf8(pb_arena *a, pb_str s);
pb_str text_trim(pb_str s);
/* Text of a scalar by its shape; times in `time` unless the reference says otherwise. False: not a scalar of that
 * shape. */
bool text_put_scalar(codec *c, pb_buf *b, const tab_ref *r, pb_value v, uint8_t time);
bool text_read_scalar(codec *c, const tab_ref *r, pb_str s, const wire_path *at, pb_value *out);

/* ---- codec_validate.c ---- */

enum { CHECK_REQUIRED = 1, CHECK_LIMITS = 2, CHECK_WHOLE_PATTERN = 4 };
bool validate_value(codec *c, const tab_ref *r, pb_value v, const wire_path *at, unsigned checks);

/* ---- codec_query.c ---- */

typedef struct form_param {
    pb_str key, value;
    bool used;
} form_param;
typedef struct form {
    form_param *params;
    uint32_t n;
} form;
bool form_parse(codec *c, pb_str text, form *out);
pb_str form_get(const form *f, pb_str key, bool *found);
bool query_write(codec *c, pb_value input, pb_buf *b);
bool query_read(codec *c, form *f, pb_value *out);

/* ---- codec_json.c ---- */

bool json_write(codec *c, pb_buf *b, const tab_ref *r, pb_value v, unsigned depth);
/* Members of a structure as one object; only those of the body when `body_only`. *any: there was one. */
bool json_write_members(codec *c, pb_buf *b, const tab_shape *s, pb_value v, bool body_only, bool *any, unsigned depth);
bool json_read(codec *c, const tab_ref *r, pb_value json, const wire_path *at, pb_value *out);
bool json_read_members(codec *c, const tab_shape *s, pb_value json, const wire_path *at, pb_map_builder *b);
/* Body to JSON; an empty body is {}. */
bool json_parse(codec *c, pb_str body, pb_value *out);

/* ---- codec_xml.c ---- */

typedef struct xml_attr {
    pb_str name, value; /* name with its prefix */
    struct xml_attr *next;
} xml_attr;
typedef struct xml_node {
    pb_str name, text; /* name without its prefix */
    xml_attr *attrs;
    struct xml_node *child, *next;
} xml_node;
bool xml_parse(codec *c, pb_str body, xml_node **root);
const xml_node *xml_child(const xml_node *n, const char *name);
void xml_escape(pb_buf *b, pb_str s);
/* `reply`: names as answers have them (flattened lists go by their item's name). */
bool xml_write(codec *c, pb_buf *b, const tab_ref *r, pb_str name, pb_value v, bool reply, unsigned depth);
bool xml_write_members(codec *c, pb_buf *b, const tab_shape *s, pb_value v, bool reply, unsigned depth);
bool xml_read(codec *c, const tab_ref *r, const xml_node *n, const wire_path *at, bool reply, pb_value *out);
bool xml_read_members(codec *c, const tab_shape *s, const xml_node *n, const wire_path *at, bool reply,
                      pb_map_builder *b);
void xml_open(pb_buf *b, pb_str name, pb_str xmlns);
void xml_close(pb_buf *b, pb_str name);

/* ---- codec_rest.c ---- */

typedef struct wire_headers {
    pb_header *items;
    uint32_t n, cap;
} wire_headers;
bool headers_add(codec *c, wire_headers *h, pb_str name, pb_str value);
bool headers_add_c(codec *c, wire_headers *h, const char *name, const char *value);
/* Case does not count. NULL .s: absent. */
pb_str headers_get(const pb_header *h, uint32_t n, const char *name);
bool rest_write_request(codec *c, pb_value input, aws_request *out, wire_headers *h);
bool rest_read_response(codec *c, int status, const pb_header *headers, uint32_t n, pb_str body, pb_value *out);
bool rest_read_request(codec *c, const aws_incoming *in, pb_value *out);
bool rest_write_response(codec *c, pb_value output, aws_response *out, wire_headers *h);

/* ---- codec_route.c ---- */

/* 0: none fits. */
aws_op rest_route(codec *c, const aws_incoming *in);
/* The value of label `name` in the request's path by the operation's template; .s NULL: not there. */
pb_str route_label(codec *c, const tab_op *op, pb_str path, pb_str name);
/* One literal "key=value" of the template's query part; i from 0. */
bool route_literal(const aws_model *m, const tab_op *op, uint32_t i, pb_str *key, pb_str *value);

/* ---- codec_error.c ---- */

bool error_read(codec *c, int status, const pb_header *headers, uint32_t n, pb_str body);
bool error_write(codec *c, const aws_error *e, pb_str request_id, aws_response *out, wire_headers *h);
const char *error_status_code(int status); /* "NotFound" for 404; NULL: no name */

/* ---- codec_custom.c ---- */

/* What the client adds to or changes in an input before it is checked: tokens, encodings, defaults. */
bool custom_input(codec *c, pb_value *input);
bool custom_headers(codec *c, pb_value input, pb_str body, wire_headers *h);
bool custom_output(codec *c, pb_str body, pb_value *output);
/* The simulated account's half of the same. */
bool custom_server_input(codec *c, pb_value *input);
bool custom_server_output(codec *c, pb_value *output, pb_buf *body, bool *done);

#endif
