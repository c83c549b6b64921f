/*
 * image.c - image.def as tables, and the check of an image's layout.
 *
 * An image may be damaged or made by an enemy, and it is used in place. So before anything follows an index in it,
 * image_layout_check goes through every record once with the table of field rules below; afterwards readers need
 * no range checks of their own. The checksum finds accidents; it is no proof, so the rest is checked all the same.
 */
#include "lang/image.h"

#include "lang/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

#define COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, N, ...) N
#define COUNT(...) COUNT_(__VA_ARGS__, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

const uint8_t image_record_fields[SECTION_COUNT] = {
#define SECTION(name, ...) COUNT(__VA_ARGS__),
#include "lang/image.def"
#undef SECTION
};

const char *const image_section_names[SECTION_COUNT] = {
#define SECTION(name, ...) #name,
#include "lang/image.def"
#undef SECTION
};

enum {
#define SECTION(name, ...) FIELDS_##name = COUNT(__VA_ARGS__),
#include "lang/image.def"
#undef SECTION
};
#define AGREE(name) _Static_assert((int)FIELDS_##name == (int)name##_FIELDS, "image.h and image.def disagree on " #name)
AGREE(STRINGS);
AGREE(CONSTS);
AGREE(FUNCTIONS);
AGREE(SITES);
AGREE(TYPES);
AGREE(EVENTS);
AGREE(PARAMS);
AGREE(PLAYBOOKS);
AGREE(GUARDS);
AGREE(SOURCES);
AGREE(MANIFEST);
AGREE(SETTINGS);

/* ---- layout check ---- */

/*
 * What each field of a record may hold, a letter a field in the order of image.def:
 *   #  any number                      b  0 or 1
 *   s  string   S  string or NIL       f  function      F  function or NIL      e  event
 *   l  list of strings  L  the same or NIL                t  type          T  type or NIL, of an earlier record
 *   r  list of (name string, type of an earlier record) pairs, or NIL
 *   c  constant (global) or NIL        p  source        x  effect        P  parameter or NIL
 *   0..5  enumeration number n of enum_limits
 * What depends on several fields is checked by check_* below.
 */
static const char *const field_rules[SECTION_COUNT] = {
    [SECTION_BYTES] = "#",
    [SECTION_STRINGS] = "##",
    [SECTION_CONSTS] = "0##",
    [SECTION_LISTS] = "#",
    [SECTION_FUNCTIONS] = "s1x######L#FS#",
    [SECTION_CODE] = "#",
    [SECTION_LINES] = "#",
    [SECTION_SITES] = "2#sSx####p#s",
    [SECTION_TYPES] = "3bTrS",
    [SECTION_EVENTS] = "sllsSSSSSSSll",
    [SECTION_PARAMS] = "stbc",
    [SECTION_PLAYBOOKS] = "sSSS4leffxp#F###5#",
    [SECTION_GUARDS] = "sflSp#",
    [SECTION_SOURCES] = "ss",
    [SECTION_MANIFEST] = "sx",
    [SECTION_SETTINGS] = "sSsSP",
};
static const uint32_t enum_limits[] = {CONST_DURATION,    FUNCTION_BODY, SITE_ACTION,
                                       IMAGE_TYPE_RECORD, TIER_MANUAL,   LIMIT_APPROVE};

enum { LINE_BITS = 20 }; /* of a LINES word: the line; above it the source */

static bool complain(char *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool complain(char *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err, IMAGE_ERR_MAX, fmt, ap);
    va_end(ap);
    return false;
}

static bool check_head(const uint8_t *p, size_t size, char *err) {
    if (size < IMAGE_HEAD || memcmp(p, IMAGE_MAGIC, 8) != 0)
        return complain(err, "not a program image (it does not begin as a .pbx file does)");
    if (size > IMAGE_MAX_SIZE) return complain(err, "the image is larger than %d MiB", IMAGE_MAX_SIZE >> 20);
    if (image_u32(p + 8) != IMAGE_VERSION)
        return complain(err, "image format version %u, this program reads version %d; compile again with pbc build",
                        image_u32(p + 8), IMAGE_VERSION);
    if (image_u32(p + 12) != size)
        return complain(err, "the image is cut short or has something behind it (%zu bytes, should be %u)", size,
                        image_u32(p + 12));
    if (image_u32(p + 20) != SECTION_COUNT || size < IMAGE_HEAD + SECTION_COUNT * 8)
        return complain(err, "the image is damaged: wrong number of sections");
    if (image_u32(p + 16) != (uint32_t)crc32(0, p + IMAGE_HEAD, (uInt)(size - IMAGE_HEAD)))
        return complain(err, "the image is damaged: its checksum does not match its content");
    return true;
}

static bool check_sections(image_view *v, char *err) {
    uint64_t end = IMAGE_HEAD + SECTION_COUNT * 8;
    for (int s = 0; s < SECTION_COUNT; s++) {
        const uint8_t *entry = v->base + IMAGE_HEAD + s * 8;
        v->offset[s] = image_u32(entry);
        v->count[s] = image_u32(entry + 4);
        uint64_t unit = s == SECTION_BYTES ? 1 : image_record_fields[s] * 4u;
        if (v->offset[s] % 8 != 0 || v->offset[s] < end || v->offset[s] > v->size ||
            v->count[s] > (v->size - v->offset[s]) / unit)
            return complain(err, "the image is damaged: section %s lies outside the file", image_section_names[s]);
        end = v->offset[s] + v->count[s] * unit;
    }
    if (v->count[SECTION_CODE] != v->count[SECTION_LINES])
        return complain(err, "the image is damaged: CODE and LINES differ in size");
    return true;
}

static bool check_strings(const image_view *v, char *err) {
    const uint32_t bytes = v->count[SECTION_BYTES];
    for (uint32_t i = 0; i < v->count[SECTION_STRINGS]; i++) {
        uint32_t offset = image_field(v, SECTION_STRINGS, i, STRINGS_offset);
        uint32_t length = image_field(v, SECTION_STRINGS, i, STRINGS_length);
        if (offset >= bytes || length >= bytes - offset || v->base[v->offset[SECTION_BYTES] + offset + length] != 0)
            return complain(err, "the image is damaged: string %u lies outside BYTES", i);
    }
    return true;
}

/*
 * Does a list start at index `list` and end inside LISTS? Records may share lists, but an enemy could have a million
 * of them share one of a million items: *work, which begins at the size of the image, bounds what is looked at.
 */
static bool list_fits(const image_view *v, uint32_t list, uint32_t *work) {
    const uint32_t n = v->count[SECTION_LISTS];
    if (list >= n) return false;
    uint32_t size = image_field(v, SECTION_LISTS, list, 0);
    if (size >= n - list || size > *work) return false;
    *work -= size;
    return true;
}

static bool strings_fit(const image_view *v, uint32_t list, uint32_t *work) {
    if (!list_fits(v, list, work)) return false;
    uint32_t n = 0;
    image_item(v, list, 0, &n);
    for (uint32_t i = 0; i < n; i++)
        if (image_item(v, list, i, NULL) >= v->count[SECTION_STRINGS]) return false;
    return true;
}

static bool members_fit(const image_view *v, uint32_t list, uint32_t record, uint32_t *work) {
    if (!list_fits(v, list, work)) return false;
    uint32_t n = 0;
    image_item(v, list, 0, &n);
    if (n % 2 != 0) return false;
    for (uint32_t i = 0; i < n; i += 2)
        if (image_item(v, list, i, NULL) >= v->count[SECTION_STRINGS] || image_item(v, list, i + 1, NULL) >= record)
            return false;
    return true;
}

static bool field_fits(const image_view *v, char rule, uint32_t value, uint32_t record, uint32_t *work) {
    switch (rule) {
    case '#': return true;
    case 'b': return value <= 1;
    case 'S': return value == IMAGE_NIL || value < v->count[SECTION_STRINGS];
    case 's': return value < v->count[SECTION_STRINGS];
    case 'l': return strings_fit(v, value, work);
    case 'L': return value == IMAGE_NIL || strings_fit(v, value, work);
    case 'f': return value < v->count[SECTION_FUNCTIONS];
    case 'F': return value == IMAGE_NIL || value < v->count[SECTION_FUNCTIONS];
    case 'e': return value < v->count[SECTION_EVENTS];
    case 't': return value < v->count[SECTION_TYPES];
    case 'T': return value == IMAGE_NIL || value < record;
    case 'r': return value == IMAGE_NIL || members_fit(v, value, record, work);
    case 'c': return value == IMAGE_NIL || value < v->count[SECTION_CONSTS];
    case 'p': return value < v->count[SECTION_SOURCES];
    case 'P': return value == IMAGE_NIL || value < v->count[SECTION_PARAMS];
    case 'x': return value <= PB_DESTROY;
    default: return value <= enum_limits[rule - '0'];
    }
}

static bool check_fields(const image_view *v, enum image_section s, char *err) {
    uint32_t work = v->size;
    if (strspn(field_rules[s], "#") == image_record_fields[s]) return true;
    for (uint32_t i = 0; i < v->count[s]; i++)
        for (uint32_t f = 0; f < image_record_fields[s]; f++)
            if (!field_fits(v, field_rules[s][f], image_field(v, s, i, f), i, &work))
                return complain(err, "the image is damaged: %s %u, field %u has an impossible value",
                                image_section_names[s], i, f);
    return true;
}

static bool check_consts(const image_view *v, char *err) {
    for (uint32_t i = 0; i < v->count[SECTION_CONSTS]; i++) {
        uint32_t kind = image_field(v, SECTION_CONSTS, i, CONSTS_kind);
        uint32_t low = image_field(v, SECTION_CONSTS, i, CONSTS_low);
        uint32_t high = image_field(v, SECTION_CONSTS, i, CONSTS_high);
        bool fits = kind == CONST_STRING ? low < v->count[SECTION_STRINGS] && high == 0
                    : kind == CONST_BOOL ? low <= 1 && high == 0
                    : kind == CONST_NONE ? low == 0 && high == 0
                                         : true;
        if (!fits) return complain(err, "the image is damaged: constant %u has an impossible value", i);
    }
    return true;
}

static bool range_fits(uint32_t first, uint32_t n, uint32_t count) { return n <= count && first <= count - n; }

static bool check_functions(const image_view *v, char *err) {
    uint64_t code = 0, consts = 0; /* functions share neither, so going through all of them is bounded */
    for (uint32_t i = 0; i < v->count[SECTION_FUNCTIONS]; i++) {
        uint32_t f[FUNCTIONS_FIELDS];
        for (uint32_t k = 0; k < FUNCTIONS_FIELDS; k++) f[k] = image_field(v, SECTION_FUNCTIONS, i, k);
        if (!range_fits(f[FUNCTIONS_code], f[FUNCTIONS_ncode], v->count[SECTION_CODE]) ||
            !range_fits(f[FUNCTIONS_consts], f[FUNCTIONS_nconsts], v->count[SECTION_CONSTS]))
            return complain(err, "the image is damaged: function %u lies outside CODE or CONSTS", i);
        code += f[FUNCTIONS_ncode];
        consts += f[FUNCTIONS_nconsts];
        if (code > v->count[SECTION_CODE] || consts > v->count[SECTION_CONSTS])
            return complain(err, "the image is damaged: function %u shares code or constants with another", i);
        if (f[FUNCTIONS_nregs] > IMAGE_MAX_REGS || f[FUNCTIONS_nparams] > IMAGE_MAX_PARAMS ||
            f[FUNCTIONS_nparams] > f[FUNCTIONS_nregs])
            return complain(err, "the image is damaged: function %u has too many registers or parameters", i);
    }
    return true;
}

static bool is_function(const image_view *v, uint32_t f, enum image_function kind, uint32_t nparams) {
    return image_field(v, SECTION_FUNCTIONS, f, FUNCTIONS_kind) == (uint32_t)kind &&
           image_field(v, SECTION_FUNCTIONS, f, FUNCTIONS_nparams) == nparams;
}

/* Only an action can be undone, by an action of its parameters and captured values that is not itself undone. */
static bool undo_fits(const image_view *v, uint32_t i) {
    uint32_t undo = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_undo);
    uint32_t captured = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_ncaptured);
    uint32_t nparams = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nparams);
    bool says_none = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_undo_none) != IMAGE_NIL;
    bool action = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_kind) == FUNCTION_ACTION;
    if (undo == IMAGE_NIL) return captured == 0 && (action || !says_none);
    return action && !says_none && captured <= IMAGE_MAX_REGS &&
           is_function(v, undo, FUNCTION_ACTION, nparams + captured) &&
           image_field(v, SECTION_FUNCTIONS, undo, FUNCTIONS_undo) == IMAGE_NIL &&
           image_field(v, SECTION_FUNCTIONS, undo, FUNCTIONS_effect) < PB_DESTROY;
}

static bool check_actions(const image_view *v, char *err) {
    for (uint32_t i = 0; i < v->count[SECTION_FUNCTIONS]; i++) {
        uint32_t target = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_target);
        if (target != IMAGE_NIL && target >= image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nparams))
            return complain(err, "the image is damaged: the target of function %u is none of its parameters", i);
        uint32_t params = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_params), named = 0;
        image_item(v, params, 0, &named);
        if (params != IMAGE_NIL && named != image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nparams))
            return complain(err, "the image is damaged: function %u has other parameters than it names", i);
        if (!undo_fits(v, i)) return complain(err, "the image is damaged: function %u has the wrong undo", i);
    }
    for (uint32_t i = 0; i < v->count[SECTION_GUARDS]; i++) {
        uint32_t f = image_field(v, SECTION_GUARDS, i, GUARDS_function);
        if (!is_function(v, f, FUNCTION_ACTION, 1) || image_field(v, SECTION_FUNCTIONS, f, FUNCTIONS_effect) > PB_READ)
            return complain(err, "the image is damaged: guard %u has the wrong function", i);
    }
    return true;
}

static bool check_sites(const image_view *v, char *err) {
    for (uint32_t i = 0; i < v->count[SECTION_SITES]; i++) {
        uint32_t kind = image_field(v, SECTION_SITES, i, SITES_kind),
                 target = image_field(v, SECTION_SITES, i, SITES_target);
        uint32_t nargs = image_field(v, SECTION_SITES, i, SITES_nargs);
        bool fits = kind == SITE_HOST
                        ? target < v->count[SECTION_STRINGS] && nargs == 1
                        : target < v->count[SECTION_FUNCTIONS] &&
                              image_field(v, SECTION_FUNCTIONS, target, FUNCTIONS_kind) == FUNCTION_ACTION &&
                              image_field(v, SECTION_FUNCTIONS, target, FUNCTIONS_nparams) == nargs;
        if (!fits) return complain(err, "the image is damaged: site %u calls nothing that exists", i);
    }
    return true;
}

static bool check_types(const image_view *v, char *err) {
    for (uint32_t i = 0; i < v->count[SECTION_TYPES]; i++) {
        uint32_t kind = image_field(v, SECTION_TYPES, i, TYPES_kind);
        bool has_elem = image_field(v, SECTION_TYPES, i, TYPES_elem) != IMAGE_NIL;
        bool has_fields = image_field(v, SECTION_TYPES, i, TYPES_fields) != IMAGE_NIL;
        if (has_elem != (kind == IMAGE_TYPE_LIST || kind == IMAGE_TYPE_MAP) ||
            has_fields != (kind == IMAGE_TYPE_RECORD))
            return complain(err, "the image is damaged: type %u has the wrong parts", i);
    }
    return true;
}

static bool check_playbooks(const image_view *v, char *err) {
    for (uint32_t i = 0; i < v->count[SECTION_PLAYBOOKS]; i++) {
        uint32_t dedupe = image_field(v, SECTION_PLAYBOOKS, i, PLAYBOOKS_dedupe);
        if (!is_function(v, image_field(v, SECTION_PLAYBOOKS, i, PLAYBOOKS_match), FUNCTION_MATCH, 1) ||
            !is_function(v, image_field(v, SECTION_PLAYBOOKS, i, PLAYBOOKS_body), FUNCTION_BODY, 1) ||
            (dedupe != IMAGE_NIL && !is_function(v, dedupe, FUNCTION_PURE, 1)))
            return complain(err, "the image is damaged: playbook %u has the wrong functions", i);
    }
    for (uint32_t i = 0; i < v->count[SECTION_PARAMS]; i++)
        if ((image_field(v, SECTION_PARAMS, i, PARAMS_has_default) == 1) !=
            (image_field(v, SECTION_PARAMS, i, PARAMS_default_const) != IMAGE_NIL))
            return complain(err, "the image is damaged: parameter %u has the wrong default", i);
    for (uint32_t i = 0; i < v->count[SECTION_LINES]; i++)
        if (image_field(v, SECTION_LINES, i, 0) >> LINE_BITS >= v->count[SECTION_SOURCES])
            return complain(err, "the image is damaged: instruction %u comes from no source", i);
    return true;
}

bool image_layout_check(const void *image, size_t size, image_view *v, char err[IMAGE_ERR_MAX]) {
    *v = (image_view){0};
    if (!check_head(image, size, err)) return false;
    v->base = image;
    v->size = (uint32_t)size;
    if (!check_sections(v, err) || !check_strings(v, err)) return false;
    for (int s = 0; s < SECTION_COUNT; s++)
        if (!check_fields(v, (enum image_section)s, err)) return false;
    return check_consts(v, err) && check_functions(v, err) && check_actions(v, err) && check_sites(v, err) &&
           check_types(v, err) && check_playbooks(v, err);
}
