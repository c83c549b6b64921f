/*
 * codegen.c - the image writer, the layout check, the code generator and the disassembler.
 *
 * What compiled programs do is tested by running them (tests/vm/test_semantics.py). Here: same sources give the same
 * bytes, every allocation may fail, every limit is an error with a place, and no damaged image brings the disassembler
 * down.
 */
#include "tests/lib/check.h"

#include "lang/compile.h"
#include "lang/image_write.h"
#include "vm/interp.h"

#include <stdlib.h>
#include <zlib.h>

/* ---- images by hand ---- */

static const pb_str NO_NAME = {NULL, 0};

/* A small image with a record in every section. */
static iw_fault build(pb_arena *a, pb_buf *out) {
    iw *w = iw_new(a);
    if (!w) return IW_NO_MEMORY;
    iw_source(w, PB_STR("a.pb"), PB_STR("00"));
    uint32_t text = iw_type(w, IMAGE_TYPE_STRING, false, IMAGE_NIL, IMAGE_NIL, NO_NAME);
    uint32_t list = iw_type(w, IMAGE_TYPE_LIST, true, text, IMAGE_NIL, NO_NAME);
    uint32_t pair[] = {iw_string(w, PB_STR("names")), list};
    iw_type(w, IMAGE_TYPE_RECORD, false, IMAGE_NIL, iw_list(w, pair, 2), PB_STR("Names"));
    iw_param(w, PB_STR("channel"), text, true, iw_const_string(w, PB_STR("#security")));
    uint32_t empty = iw_list(w, NULL, 0);
    iw_event_info e = {.name = PB_STR("x.y"), .sources = empty, .detail_types = empty, .payload = PB_STR("detail"),
                       .id = PB_STR("id")};
    iw_event(w, &e);
    uint32_t f[2];
    for (uint32_t i = 0; i < 2; i++) {
        f[i] = iw_function_begin(w, i ? PB_STR("body") : PB_STR("match"), i ? FUNCTION_BODY : FUNCTION_MATCH, PB_READ, 1);
        iw_place(w, 0, 3 + i);
        iw_emit(w, op_abx(OPCODE_LOADK, 1, iw_const(w, CONST_DURATION, 90000)));
        uint32_t jump = iw_emit(w, op_asbx(OPCODE_JMPT, 1, 0));
        iw_emit(w, op_abx(OPCODE_LOADK, 1, iw_const_float(w, 0.5)));
        iw_jump(w, jump, iw_pc(w));
        iw_emit(w, op_abc(OPCODE_RETURN, 1, 0, 0));
        iw_function_end(w, 2);
    }
    iw_site_info s = {.kind = SITE_HOST, .host = PB_STR("now"), .name = PB_STR("now"), .nargs = 1, .line = 4, .title = PB_STR("now()")};
    iw_site(w, &s);
    iw_playbook_info p = {.name = PB_STR("p"), .version = PB_STR("1"), .controls = empty, .match = f[0], .body = f[1],
                          .effect = PB_READ};
    iw_playbook(w, &p);
    iw_manifest(w, PB_STR("now"), PB_READ);
    return iw_finish(w, out);
}

static void test_writer(void) {
    pb_arena *a = pb_arena_new(0);
    CASE("strings, lists, types and constants are pooled") {
        iw *w = iw_new(a);
        uint32_t items[] = {1, 2}, other[] = {1, 3};
        CHECK(iw_string(w, PB_STR("a")) == iw_string(w, PB_STR("a")));
        CHECK(iw_string(w, PB_STR("a")) != iw_string(w, PB_STR("b")));
        CHECK(iw_list(w, items, 2) == iw_list(w, items, 2));
        CHECK(iw_list(w, items, 2) != iw_list(w, other, 2));
        CHECK(iw_list(w, items, 1) != iw_list(w, items, 2));
        uint32_t t = iw_type(w, IMAGE_TYPE_INT, false, IMAGE_NIL, IMAGE_NIL, NO_NAME);
        CHECK(iw_type(w, IMAGE_TYPE_INT, false, IMAGE_NIL, IMAGE_NIL, NO_NAME) == t);
        CHECK(iw_type(w, IMAGE_TYPE_INT, true, IMAGE_NIL, IMAGE_NIL, NO_NAME) != t);
        iw_function_begin(w, PB_STR("f"), FUNCTION_PURE, PB_PURE, 0);
        CHECK(iw_const(w, CONST_INT, 7) == 0 && iw_const(w, CONST_INT, 8) == 1 && iw_const(w, CONST_INT, 7) == 0);
        CHECK(iw_const(w, CONST_DURATION, 7) == 2);
        iw_function_end(w, 1);
        iw_function_begin(w, PB_STR("g"), FUNCTION_PURE, PB_PURE, 0);
        CHECK(iw_const(w, CONST_INT, 8) == 0);
        iw_function_end(w, 1);
    }
    CASE("many strings stay apart") {
        iw *w = iw_new(a);
        for (uint32_t round = 0; round < 2; round++)
            for (uint32_t i = 0; i < 5000; i++) {
                pb_str s = pb_printf(a, "string %u", i);
                CHECK(iw_string(w, s) == i);
            }
    }
    CASE("a jump that does not fit in 16 bits is refused") {
        iw *w = iw_new(a);
        iw_function_begin(w, PB_STR("f"), FUNCTION_PURE, PB_PURE, 0);
        for (int i = 0; i < 40000; i++) iw_emit(w, op_asbx(OPCODE_JMP, 0, 0));
        CHECK(iw_jump(w, 0, 32768));
        CHECK(!iw_jump(w, 0, 32769));
        CHECK(iw_jump(w, 32767, 0));
        CHECK(!iw_jump(w, 32768, 0));
    }
    pb_arena_free(a);
    CASE("every allocation of the writer may fail") {
        size_t n = 1;
        for (;; n++) {
            pb_arena *small = pb_arena_new(0);
            pb_buf out = {0};
            pb_arena_fail_after(small, n);
            iw_fault fault = build(small, &out);
            CHECK(fault == IW_OK || (fault == IW_NO_MEMORY && out.len == 0));
            pb_buf_free(&out);
            pb_arena_free(small);
            if (fault == IW_OK || n > 1000) break;
        }
        CHECK(n > 5 && n < 1000);
    }
}

/* ---- the layout check ---- */

static bool layout(const pb_buf *b, char *err) {
    image_view v;
    err[0] = 0;
    return image_layout_check(b->data, b->len, &v, err);
}

static void reseal(pb_buf *b) { /* the checksum of the changed content */
    if (b->len < IMAGE_HEAD) return;
    image_put_u32(b->data + 16, (uint32_t)crc32(0, (const uint8_t *)b->data + IMAGE_HEAD, (uInt)(b->len - IMAGE_HEAD)));
}

static void copy(pb_buf *to, const pb_buf *from) {
    to->len = 0;
    pb_buf_add(to, from->data, from->len);
}

static uint32_t record_at(const pb_buf *b, enum image_section s, uint32_t index, uint32_t field) {
    uint32_t offset = image_u32(b->data + IMAGE_HEAD + 8 * (int)s);
    return offset + (index * image_record_fields[s] + field) * 4;
}

static void test_layout(void) {
    pb_arena *a = pb_arena_new(0);
    pb_buf good = {0}, b = {0};
    char err[IMAGE_ERR_MAX];
    build(a, &good);
    CASE("a good image passes") { CHECK(layout(&good, err)); }
    CASE("each kind of damage has its sentence") {
        copy(&b, &good);
        b.data[0] = 'x';
        CHECK(!layout(&b, err) && strstr(err, "not a program image"));
        copy(&b, &good);
        b.data[8] = 9;
        CHECK(!layout(&b, err) && strstr(err, "compile again"));
        copy(&b, &good);
        b.len -= 8;
        CHECK(!layout(&b, err) && strstr(err, "cut short"));
        copy(&b, &good);
        b.data[b.len - 1] ^= 1;
        CHECK(!layout(&b, err) && strstr(err, "checksum"));
        b.len = 3;
        CHECK(!layout(&b, err) && strstr(err, "not a program image"));
    }
    CASE("indexes out of range are refused though the checksum is right") {
        static const struct { enum image_section s; uint32_t field, value; } wrong[] = {
            {SECTION_STRINGS, STRINGS_offset, 1u << 30}, {SECTION_STRINGS, STRINGS_length, 1u << 30},
            {SECTION_CONSTS, CONSTS_kind, 99}, {SECTION_CONSTS, CONSTS_low, 5000}, {SECTION_FUNCTIONS, FUNCTIONS_name, 5000},
            {SECTION_FUNCTIONS, FUNCTIONS_nregs, 251}, {SECTION_FUNCTIONS, FUNCTIONS_ncode, 5000}, {SECTION_FUNCTIONS, FUNCTIONS_consts, UINT32_MAX},
            {SECTION_SITES, SITES_target, 5000}, {SECTION_SITES, SITES_nargs, 2}, {SECTION_SITES, SITES_source, 1},
            {SECTION_TYPES, TYPES_elem, 0}, {SECTION_EVENTS, EVENTS_sources, 5000}, {SECTION_PARAMS, PARAMS_type, 99},
            {SECTION_PARAMS, PARAMS_default_const, IMAGE_NIL}, {SECTION_PLAYBOOKS, PLAYBOOKS_match, 1},
            {SECTION_PLAYBOOKS, PLAYBOOKS_tier, 3}, {SECTION_SOURCES, SOURCES_path, IMAGE_NIL}, {SECTION_MANIFEST, MANIFEST_effect, 5},
            {SECTION_LINES, 0, 1u << 20}, {SECTION_LISTS, 0, 5000},
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            copy(&b, &good);
            image_put_u32(b.data + record_at(&b, wrong[i].s, 0, wrong[i].field), wrong[i].value);
            reseal(&b);
            if (layout(&b, err)) printf("# %zu\n", i);
            CHECK(!layout(&b, err) && strstr(err, "damaged"));
        }
    }
    CASE("a type cannot contain itself") {
        copy(&b, &good);
        image_put_u32(b.data + record_at(&b, SECTION_TYPES, 1, TYPES_elem), 1);
        reseal(&b);
        CHECK(!layout(&b, err));
    }
    CASE("sections may not overlap or leave the file") {
        for (int s = 0; s < SECTION_COUNT; s++)
            for (int which = 0; which < 8; which += 4) {
                copy(&b, &good);
                char *p = b.data + IMAGE_HEAD + 8 * s + which;
                image_put_u32(p, which ? 1u << 28 : image_u32(p) + 4);
                reseal(&b);
                CHECK(!layout(&b, err));
            }
    }
    pb_buf_free(&good);
    pb_buf_free(&b);
    pb_arena_free(a);
}

/* ---- compiling ---- */

static const char core[] =
    "event t.event { source \"test\" schema Event payload \"detail\" id \"id\" }\n"
    "type Event { id: string  n: int?  names: list[string]?  tags: map[string]?  data: json? }\n"
    "extern action t.read(what: string, limit: int = 10): { value: int, names: list[string] } read\n"
    "extern action t.x(): int read\n"
    "extern action t.write(what: string, value: int): { changed: bool } contain\n"
    "extern action t.kill(what: string) destroy\n";

static const char program[] =
    "param channel: string = \"#security\"\n"
    "param pause: duration = 30s\n"
    "fn twice(x: int): int = x * 2\n"
    "fn unused(x: int): int = x * 3\n"
    "action t.set(name: string, count: int = 2): { changed: bool } contain on name {\n"
    "  let before = t.read(name)\n"
    "  if before.value == count { return { changed: false } }\n"
    "  do t.write(name, count) timeout 10s retry 2\n"
    "  verify t.read(name).value == count within 5s else \"${name} has not become ${count}\"\n"
    "  return { changed: true }\n"
    "} undo { do t.write(name, before.value) }\n"
    "action t.end(name: string) destroy on name { do t.kill(name) } undo none \"it is gone\"\n"
    "action t.never(name: string) contain on name { do t.write(name, 1) }\n"
    "playbook p {\n"
    "  version \"1.0.0\" summary \"a test\" owner \"me\" tier auto controls [\"A\", \"B\"]\n"
    "  when t.event as e\n"
    "  where e.n > 3 and (e.id like \"i-*\" or e.id matches \"^x[0-9]+$\")\n"
    "  where e.names exists\n"
    "  let size = twice(e.names.size()) + 1\n"
    "  let long = [n.upper() for n in e.names if n != \"\"]\n"
    "  where any(n in long: n in [\"A\", \"B\"]) or not all(n in long: n like \"?\")\n"
    "  on failure { do t.write(\"failed ${error.code}\", 0) }\n"
    "  parallel {\n"
    "    do t.set(e.id) as first\n"
    "    do t.set(\"other\", count: size) as second\n"
    "  }\n"
    "  do t.set(\"risky\") as third else { record { failed: error.message } }\n"
    "  for n in long { if n == \"stop\" { stop \"told to\" } else if n == \"x\" { do t.set(n) } else { fail \"no ${n}\" code \"No\" } }\n"
    "  record { id: e.id  size: size  first: first.changed  waited: pause  run: run.id  where: channel  tag: e.tags[\"a\"] ?? \"none\"  n: -5  f: 1.5 }\n"
    "}\n"
    "playbook decides {\n"
    "  version \"1.0.0\" summary \"s\" owner \"o\" tier approve controls [\"c\"]\n"
    "  dedupe by e.id within 1h  limit 5 per 1h else approve  concurrency 2  timeout 1d\n"
    "  when t.event as e\n"
    "  on failure undo\n"
    "  let seen = t.read(e.id)\n"
    "  wait 5m\n"
    "  approve \"End ${e.id}?\" via slack channel by group \"g\" by person \"alice\" quorum 2 within 30m\n"
    "    escalate to group \"h\" after 10m {\n"
    "    do t.end(e.id)\n    record { seen: seen.value }\n  } denied { }\n"
    "  authorize \"change\" because \"CHG-${e.id}\"\n"
    "  record { b: e.id }\n"
    "}\n"
    "guard g {\n"
    "  on t.end as act\n  where act.args.name == \"x\" and t.read(act.args.name).value > 3\n"
    "  deny \"${act.action}: no\" unless authorized \"change\"\n"
    "}\n"
    "site {\n"
    "  store \"sqlite:///x\"  alerts channel  person \"alice\" { login: \"a\" }  group \"g\" { people: [\"alice\", \"bob\"] }\n"
    "  person \"bob\" { slack: \"U1\" }  group \"h\" { slack_group: \"S1\" }  approvals { by: \"g\" within: 1h quorum: 2 }\n"
    "}\n";

typedef struct compiled {
    pb_arena *arena;
    diag_list *diags;
    ast_program *tree;
    pb_buf image, messages;
    bool checked, ok;
} compiled;

static const builtin_source builtins[] = {{"<test>/core.pb", core, sizeof core - 1}};

static void compile_front(compiled *c, const char *text) {
    *c = (compiled){.arena = pb_arena_new(0)};
    c->diags = diag_new(c->arena);
    c->tree = parse_text(c->arena, c->diags, builtins, 1, "test.pb", text, strlen(text));
    c->checked = c->tree && diag_count(c->diags, DIAG_ERROR) == 0 && check_program(c->tree, NULL, c->diags);
}

static void compile(compiled *c, const char *text) {
    compile_front(c, text);
    c->ok = c->checked && codegen_program(c->tree, c->diags, &c->image);
    if (c->tree) diag_render(c->diags, c->tree->sources, DIAG_TEXT, false, &c->messages);
}

static void done(compiled *c) {
    pb_buf_free(&c->image);
    pb_buf_free(&c->messages);
    pb_arena_free(c->arena);
}

static bool says(const compiled *c, const char *part) {
    bool found = c->messages.data && strstr(c->messages.data, part);
    if (!found) printf("# %.1500s\n", c->messages.data ? c->messages.data : "(no message)");
    return found;
}

/* Does the VM take the image? What the code generator makes at a limit must be within the verifier's. */
static bool loads(const compiled *c) {
    pb_str err = {NULL, 0};
    vm_program *p = c->ok ? vm_program_load(c->image.data, c->image.len, c->arena, &err) : NULL;
    if (!p) printf("# %.*s\n", PB_ARG(err));
    vm_program_close(p);
    return p != NULL;
}

static void test_compile(void) {
    compiled one, two;
    compile(&one, program);
    compile(&two, program);
    CASE("a program compiles to an image that passes the layout check and the verifier") {
        char err[IMAGE_ERR_MAX] = "";
        CHECK(one.ok || !says(&one, "\n"));
        CHECK(one.ok && layout(&one.image, err));
        CHECK(loads(&one));
    }
    CASE("the same sources give the same bytes") {
        CHECK(one.image.len && one.image.len == two.image.len && memcmp(one.image.data, two.image.data, one.image.len) == 0);
        pb_buf again = {0};
        CHECK(one.ok && codegen_program(one.tree, one.diags, &again));
        CHECK(again.len == one.image.len && again.data && memcmp(again.data, one.image.data, again.len) == 0);
        pb_buf_free(&again);
    }
    CASE("the image has what holds for runs, acts and the deployment") {
        pb_str err;
        vm_program *v = vm_program_load(one.image.data, one.image.len, one.arena, &err);
        CHECK(v && vm_count(v, SECTION_PLAYBOOKS) == 2 && vm_count(v, SECTION_GUARDS) == 1);
        uint32_t dedupe = v ? vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_dedupe) : IMAGE_NIL;
        CHECK(dedupe != IMAGE_NIL && vm_field(v, SECTION_PLAYBOOKS, 0, PLAYBOOKS_dedupe) == IMAGE_NIL);
        CHECK(v && vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_dedupe_ms) == 3600000 &&
              vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_limit) == 5 &&
              vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_limit_else) == LIMIT_APPROVE &&
              vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_concurrency) == 2 &&
              vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_timeout) == 86400000 &&
              vm_field(v, SECTION_PLAYBOOKS, 1, PLAYBOOKS_effect) == PB_DESTROY);
        CHECK(v && pb_str_is(vm_string(v, vm_field(v, SECTION_GUARDS, 0, GUARDS_authorized)), "change"));
        CHECK(v && vm_count(v, SECTION_SETTINGS) == 10);
        vm_program_close(v);
    }
    CASE("what no playbook reaches is not in the image") {
        pb_buf text = {0};
        pb_str err = {NULL, 0};
        CHECK(one.ok && disassemble(one.image.data, one.image.len, &text, &err, one.arena));
        const char *t = text.data ? text.data : "";
        CHECK(strstr(t, "twice") && !strstr(t, "unused") && strstr(t, "t.set") && !strstr(t, "t.never"));
        pb_buf_free(&text);
    }
    CASE("the disassembly shows what was written") {
        static const char *const parts[] = {
            "playbook p\n", "  version      1.0.0\n", "  controls     A, B\n", "  event        t.event\n", "  channel: string = \"#security\"",
            "  pause: duration = 30s", "  contain t.write\n", "  read    t.read\n", "do t.write(name, count) timeout 10s retry 2\n",
            "do t.set(e.id) as first\n", "LIKE      ", "\"e.n > 3\"", "\"e.id like \\\"i-*\\\" or e.id matches \\\"^x[0-9]+$\\\"\"",
            "test.pb:17\n", "action t.set, test.pb:", "CALL      r", "VERIFY    r", "FORK      1, L", "upper", "\"^x[0-9]+$\""};
        pb_buf text = {0};
        pb_str err = {NULL, 0};
        CHECK(one.ok && disassemble(one.image.data, one.image.len, &text, &err, one.arena));
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            bool found = text.data && strstr(text.data, parts[i]);
            if (!found) printf("# not there: %s\n", parts[i]);
            CHECK(found);
        }
        CHECK(text.data && !strstr(text.data, "constant ") && !strstr(text.data, "site 0?"));
        if (getenv("SHOW")) puts(text.data);
        pb_buf_free(&text);
    }
    done(&one);
    done(&two);
}

static void test_memory(void) {
    CASE("every allocation of the code generator may fail") {
        size_t n = 1;
        for (bool ok = false; !ok && n < 5000; n++) {
            compiled c;
            compile_front(&c, program);
            CHECK(c.checked);
            pb_arena_fail_after(c.arena, n);
            ok = codegen_program(c.tree, c.diags, &c.image);
            CHECK(ok == !pb_arena_failed(c.arena));
            done(&c);
        }
        CHECK(n > 40 && n < 5000);
    }
    CASE("every allocation of the disassembler may fail") {
        compiled c;
        compile(&c, program);
        for (size_t n = 1; c.ok && n < 20; n++) {
            pb_arena *a = pb_arena_new(0);
            pb_buf out = {0};
            pb_str err = {NULL, 0};
            pb_arena_fail_after(a, n);
            bool ok = disassemble(c.image.data, c.image.len, &out, &err, a);
            CHECK(ok || err.s);
            pb_buf_free(&out);
            pb_arena_free(a);
        }
        done(&c);
    }
}

/* ---- damaged images ---- */

static uint32_t seed = 12345;
static uint32_t next_random(uint32_t below) { /* xorshift: the same sequence everywhere */
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void damage(pb_buf *b) {
    static const uint32_t values[] = {0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff};
    for (uint32_t n = 1 + next_random(4); n; n--) {
        uint32_t at = 8 + next_random((uint32_t)b->len - 12);
        if (next_random(2)) b->data[at] = (char)(b->data[at] ^ 1 << next_random(8));
        else
            image_put_u32(b->data + (at & ~3u), values[next_random(7)]);
    }
    if (next_random(8)) image_put_u32(b->data + 12, (uint32_t)b->len);
    reseal(b);
}

static void test_damage(void) {
    compiled c;
    compile(&c, program);
    CASE("no damaged image brings the disassembler down") {
        pb_buf b = {0};
        uint32_t passed = 0;
        for (int i = 0; c.ok && i < 3000; i++) {
            pb_arena *a = pb_arena_new(0);
            pb_buf out = {0};
            pb_str err = {NULL, 0};
            copy(&b, &c.image);
            damage(&b);
            bool ok = disassemble(b.data, b.len, &out, &err, a);
            passed += ok;
            CHECK(ok ? out.len > 0 && out.len < 4000000 : err.n > 0);
            pb_buf_free(&out);
            pb_arena_free(a);
        }
        CHECK(passed > 100); /* damage in code and constants gets as far as printing */
        pb_buf_free(&b);
    }
    CASE("cut at every length it is refused") {
        for (size_t n = 0; c.ok && n < c.image.len; n += n < 300 ? 1 : 97) {
            char err[IMAGE_ERR_MAX];
            image_view v;
            CHECK(!image_layout_check(c.image.data, n, &v, err));
        }
    }
    done(&c);
}

/* ---- limits ---- */

#define HEAD "playbook p { version \"1.0.0\" summary \"s\" owner \"o\" tier auto controls [\"A\"] when t.event as e\n"
#define TAIL "record { id: e.id } }\n"

/* A text with `line` n times in it; `%` in the line stands for the number. */
static void add_lines(pb_buf *b, const char *line, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        for (const char *c = line; *c; c++) {
            if (*c == '%') pb_buf_printf(b, "%u", i);
            else
                pb_buf_putc(b, *c);
        }
}

typedef struct limit {
    const char *name, *code, *before, *line, *behind;
    uint32_t fits, over; /* lines that compile, and that don't */
    const char *closing; /* for each line, behind `behind` */
} limit;

static void try_limit(const limit *l, uint32_t n, bool fits) {
    pb_buf text = {0};
    compiled c;
    pb_buf_puts(&text, l->before);
    add_lines(&text, l->line, n);
    pb_buf_puts(&text, l->behind);
    if (l->closing) add_lines(&text, l->closing, n);
    if (l->closing) pb_buf_puts(&text, TAIL);
    compile(&c, text.data);
    if (fits) CHECK(c.ok ? loads(&c) : says(&c, "compiles"));
    else
        CHECK(!c.ok && says(&c, l->code) && diag_count(c.diags, DIAG_ERROR) == 1);
    done(&c);
    pb_buf_free(&text);
}

static const limit limits[] = {
    {"32 parameters", "PB0503", "fn f(", "a%: int = 1, ", "): int = 1\n" HEAD "let x = f()\n record { id: x } }", 32, 33, NULL},
    {"64 parallel branches", "PB0505", HEAD "parallel {\n", "do t.write(\"%\", 1)\n", "}\n" TAIL, 64, 65, NULL},
    {"parallel 8 deep", "PB0505", HEAD, "parallel { do t.write(\"a\", 1)\n", "", 8, 9, "}\n"},
    {"100 entries of a map", "PB0509", HEAD "let m: map[int] = {", "\"k%\": 1, ", "}\n record { id: m[\"k1\"] } }", 100, 101, NULL},
    {"250 registers", "PB0501", HEAD, "let _v% = e.id\n", "record { id: e.id } }\n", 246, 248, NULL},
    {"65536 constants", "PB0502", HEAD "let l = [", "1%,", "0]\n record { id: l.size() } }", 65000, 99990, NULL},
    {"a block of 32767 instructions", "PB0504", HEAD "if e.n > 1 { let l = [", "1,", "0]\n record { n: l.size() } }\n" TAIL, 31000, 33000, NULL},
    {"65536 calls", "PB0511", HEAD "let l = [", "t.x(),", "0]\n record { id: l.size() } }", 65535, 65537, NULL},
};

/* f1 calls f0, f2 calls f1, ...; the playbook is the first level. */
static void try_depth(uint32_t functions, bool fits) {
    pb_buf text = {0};
    compiled c;
    pb_buf_puts(&text, "fn f0(x: int): int = x\n");
    for (uint32_t i = 1; i < functions; i++) pb_buf_printf(&text, "fn f%u(x: int): int = f%u(x)\n", i, i - 1);
    pb_buf_printf(&text, HEAD "record { id: f%u(1) } }\n", functions - 1);
    compile(&c, text.data);
    CHECK(fits ? loads(&c) || says(&c, "compiles") : !c.ok && says(&c, "PB0506"));
    done(&c);
    pb_buf_free(&text);
}

static void test_limits(void) {
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        CASE(limits[i].name) {
            try_limit(&limits[i], limits[i].fits, true);
            try_limit(&limits[i], limits[i].over, false);
        }
    CASE("calls 64 deep") {
        try_depth(IMAGE_MAX_DEPTH - 1, true);
        try_depth(IMAGE_MAX_DEPTH, false);
    }
    CASE("a parameter's default must be a constant") {
        limit l = {"", "PB0512", "param p: string = ", "", " playbook q { version \"1.0.0\" summary \"s\" owner \"o\" tier auto controls [\"A\"] when t.event as e record { p: p } }", 0, 0, NULL};
        pb_arena *a = pb_arena_new(0);
        l.before = "param p: list[string] = [\"a\"]\n";
        try_limit(&l, 0, false);
        pb_arena_free(a);
    }
}

int main(void) {
    test_writer();
    test_layout();
    test_compile();
    test_memory();
    test_damage();
    test_limits();
    return check_done();
}
