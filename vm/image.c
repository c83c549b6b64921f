/*
 * image.c - opens program images: reads them, checks them, hands out their records.
 *
 * A file is copied into private memory that is then made read-only, not mapped: what was verified must be what runs,
 * and a mapped file changes under our feet when somebody writes to it (and kills the process with SIGBUS when
 * somebody cuts it). Its bytes are all read anyway, for the checksum and the verifier, so the copy costs little: about
 * a millisecond for each 5 MB. After that the image is used in place.
 *
 * Checking has three parts: the layout (lang/image.c: every index of every record), what the layout check leaves to
 * the one who interprets the content (strings are UTF-8, floats are finite), and the verifier.
 */
#include "vm/program.h"

#include "vm/digest.h"
#include "vm/guard.h"
#include "vm/regex.h"
#include "lang/opcodes.h"
#include "vm/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static vm_program *fail(pb_str *err, pb_str message) {
    *err = message.s ? message : PB_STR("out of memory");
    return NULL;
}

/* ---- content ---- */

static bool strings_valid(const image_view *v) {
    for (uint32_t i = 0; i < v->count[SECTION_STRINGS]; i++) {
        uint32_t n;
        const char *s = image_text(v, i, &n);
        if (!pb_utf8_valid(s, n)) return false;
    }
    return true;
}

static double float_of(const image_view *v, uint32_t constant) {
    uint64_t bits = (uint64_t)image_field(v, SECTION_CONSTS, constant, CONSTS_high) << 32 |
                    image_field(v, SECTION_CONSTS, constant, CONSTS_low);
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool floats_finite(const image_view *v) {
    for (uint32_t i = 0; i < v->count[SECTION_CONSTS]; i++)
        if (image_field(v, SECTION_CONSTS, i, CONSTS_kind) == CONST_FLOAT && !isfinite(float_of(v, i))) return false;
    return true;
}

static const char *content_fault(const image_view *v) {
    if (!strings_valid(v)) return "the image is damaged: a string is not UTF-8";
    if (!floats_finite(v)) return "the image is damaged: a constant is not a finite number";
    return NULL;
}

/* ---- loading ---- */

static bool take_functions(vm_program *p) {
    const image_view *v = &p->view;
    p->nfunctions = v->count[SECTION_FUNCTIONS];
    p->functions = pb_alloc_array(p->arena, p->nfunctions, sizeof *p->functions);
    if (!p->functions) return false;
    for (uint32_t i = 0; i < p->nfunctions; i++) {
        size_t code = (size_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_code) * 4;
        p->functions[i] = (vm_function){.name = vm_string(p, image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_name)),
                                        .code = v->base + v->offset[SECTION_CODE] + code,
                                        .lines = v->base + v->offset[SECTION_LINES] + code,
                                        .ncode = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_ncode),
                                        .consts = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_consts),
                                        .nconsts = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nconsts),
                                        .kind = (uint8_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_kind),
                                        .effect = (uint8_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_effect),
                                        .nparams = (uint8_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nparams),
                                        .nregs = (uint8_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_nregs),
                                        .ncaptured = (uint8_t)image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_ncaptured),
                                        .undo = image_field(v, SECTION_FUNCTIONS, i, FUNCTIONS_undo)};
    }
    return true;
}

static bool verify(vm_program *p, pb_str *err) {
    verify_fault fault;
    if (vm_verify(p, &fault)) return true;
    if (fault.function == IMAGE_NIL)
        *err = pb_strdup(p->arena, fault.sentence, strlen(fault.sentence));
    else
        *err = pb_printf(p->arena, "function %.*s, pc %u: %s", PB_ARG(p->functions[fault.function].name), fault.pc,
                         fault.sentence);
    return false;
}

vm_program *vm_program_load(const void *image, size_t size, pb_arena *a, pb_str *err) {
    char text[IMAGE_ERR_MAX];
    *err = PB_STR("out of memory");
    vm_program *p = pb_alloc(a, sizeof *p);
    if (!p) return NULL;
    p->arena = a;
    if (!image_layout_check(image, size, &p->view, text)) return fail(err, pb_strdup(a, text, strlen(text)));
    const char *fault = content_fault(&p->view);
    if (fault) return fail(err, pb_str_c(fault));
    if (!take_functions(p) || !verify(p, err)) return fail(err, *err);
    *err = PB_STR("out of memory");
    if (!guards_bind(p)) return NULL;
    p->patterns = vm_regex_cache_new(a);
    return p->patterns ? p : NULL;
}

/* Fills a private read-only copy of the file. Zero, or an errno (EFBIG: larger than an image may be, 0 bytes read: too
 * short). */
static int read_whole(int fd, void **copy, size_t *size) {
    struct stat st;
    if (fstat(fd, &st) != 0) return errno;
    if (!S_ISREG(st.st_mode)) return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    if (st.st_size > IMAGE_MAX_SIZE) return EFBIG;
    *size = st.st_size > 0 ? (size_t)st.st_size : 1;
    *copy = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*copy == MAP_FAILED) return errno;
    size_t got = 0;
    while (got < *size) {
        ssize_t n = read(fd, (char *)*copy + got, *size - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) break; /* shorter than it was: the layout check will say that it is cut short */
        got += (size_t)n;
    }
    return mprotect(*copy, *size, PROT_READ) == 0 ? 0 : errno;
}

vm_program *vm_program_open(const char *path, pb_arena *a, pb_str *err) {
    void *copy = MAP_FAILED;
    size_t size = 0;
    vm_program *p = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not make us wait */
    int error = fd < 0 ? errno : read_whole(fd, &copy, &size);
    if (fd >= 0) close(fd);
    if (error == EFBIG)
        fail(err, pb_printf(a, "%s: larger than the %d MiB an image may have", path, IMAGE_MAX_SIZE >> 20));
    else if (error)
        fail(err, pb_printf(a, "%s: cannot be read: %s", path, strerror(error)));
    else {
        pb_str why = {NULL, 0};
        p = vm_program_load(copy, size, a, &why);
        if (!p) fail(err, pb_printf(a, "%s: %.*s", path, PB_ARG(why)));
    }
    if (p) {
        p->copy = copy;
        p->copy_size = size;
    } else if (copy != MAP_FAILED) {
        munmap(copy, size);
    }
    return p;
}

void vm_program_close(vm_program *p) {
    if (!p) return;
    vm_regex_cache_free(p->patterns);
    p->patterns = NULL;
    if (p->copy) munmap(p->copy, p->copy_size);
    p->copy = NULL;
}

/* ---- records ---- */

uint32_t vm_count(const vm_program *p, enum image_section s) { return p->view.count[s]; }

uint32_t vm_field(const vm_program *p, enum image_section s, uint32_t index, uint32_t field) {
    return image_field(&p->view, s, index, field);
}

pb_str vm_string(const vm_program *p, uint32_t string) {
    uint32_t n;
    const char *s = image_text(&p->view, string, &n);
    return (pb_str){s, n};
}

uint32_t vm_list(const vm_program *p, uint32_t list, uint32_t i, uint32_t *n) {
    return image_item(&p->view, list, i, n);
}

pb_value vm_const(const vm_program *p, uint32_t index) {
    const image_view *v = &p->view;
    uint64_t low = image_field(v, SECTION_CONSTS, index, CONSTS_low);
    int64_t whole = (int64_t)((uint64_t)image_field(v, SECTION_CONSTS, index, CONSTS_high) << 32 | low);
    switch ((enum image_const)image_field(v, SECTION_CONSTS, index, CONSTS_kind)) {
    case CONST_NONE: break;
    case CONST_BOOL: return pb_bool(low != 0);
    case CONST_INT: return pb_int(whole);
    case CONST_FLOAT: return pb_float(float_of(v, index));
    case CONST_STRING: return pb_string(vm_string(p, (uint32_t)low));
    case CONST_DURATION: return pb_duration(whole);
    }
    return PB_NONE_VALUE;
}

pb_str vm_program_bytes(const vm_program *p) { return (pb_str){(const char *)p->view.base, p->view.size}; }

const char *vm_program_sha256(vm_program *p) {
    const pb_str image = {(const char *)p->view.base, p->view.size};
    if (!p->sha256[0]) digest_sha256_hex(&image, 1, p->sha256);
    return p->sha256;
}

/* ---- coverage ---- */

void vm_program_cover(vm_program *p, uint8_t *bytes) { p->cover = bytes; }

uint32_t vm_code_size(const vm_program *p) { return p->view.count[SECTION_CODE]; }

uint32_t vm_code_place(const vm_program *p, uint32_t i) {
    return i < vm_code_size(p) ? image_u32(p->view.base + p->view.offset[SECTION_LINES] + (size_t)i * 4) : 0;
}

bool vm_code_branches(const vm_program *p, uint32_t i) {
    if (i >= vm_code_size(p)) return false;
    opcode op = op_code(image_u32(p->view.base + p->view.offset[SECTION_CODE] + (size_t)i * 4));
    return op == OPCODE_JMPF || op == OPCODE_JMPT || op == OPCODE_JMPSOME || op == OPCODE_FORNEXT;
}
