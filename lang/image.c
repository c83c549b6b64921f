/*
 * image.c - image.def as tables, and proof that image.h's field numbers agree with it.
 */
#include "lang/image.h"

#define COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, N, ...) N
#define COUNT(...) COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

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
AGREE(SOURCES);
AGREE(MANIFEST);
