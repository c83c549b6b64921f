/*
 * flow_draw.c - a flow as a graph for other programs: Mermaid (GitHub and GitLab show it in a README) and DOT.
 *
 * Both are lists of nodes and edges. The edges come out of the tree by carrying along the loose ends: what has to be
 * tied to whatever comes next.
 */
#include "lang/flow_draw.h"

/* ---- looks ---- */

static const flow_look kind_looks[] = {
    [FLOW_START] = {"([", "])", "ellipse", "#ffffff", "#475569"},
    [FLOW_STEP] = {"[", "]", "box", "#ffffff", "#475569"},
    [FLOW_READ] = {"[", "]", "box", "#f1f5f9", "#64748b"},
    [FLOW_TEST] = {"{{", "}}", "hexagon", "#ffffff", "#475569"},
    [FLOW_LOOP] = {"[[", "]]", "box3d", "#f8fafc", "#475569"},
    [FLOW_PARALLEL] = {"[/", "/]", "parallelogram", "#f8fafc", "#475569"},
    [FLOW_ASK] = {"{{", "}}", "hexagon", "#fef9c3", "#a16207"},
    [FLOW_WAIT] = {"([", "])", "ellipse", "#f8fafc", "#475569"},
    [FLOW_RECORD] = {"[(", ")]", "cylinder", "#f0fdf4", "#15803d"},
    [FLOW_NOTE] = {"[", "]", "note", "#f8fafc", "#64748b"},
    [FLOW_END] = {"([", "])", "ellipse", "#e2e8f0", "#334155"},
};

static const flow_look step_looks[] = {
    [PB_PURE] = {"[", "]", "box", "#ffffff", "#475569"},
    [PB_READ] = {"[", "]", "box", "#f1f5f9", "#64748b"},
    [PB_NOTIFY] = {"[", "]", "box", "#e0f2fe", "#0369a1"},
    [PB_CONTAIN] = {"[", "]", "box", "#ffedd5", "#c2410c"},
    [PB_DESTROY] = {"[", "]", "box", "#fee2e2", "#b91c1c"},
};

const flow_look *flow_look_of(const flow_node *n) {
    return n->kind == FLOW_STEP ? &step_looks[n->effect] : &kind_looks[n->kind];
}

const char *flow_effect_word(const flow_node *n) {
    return n->kind == FLOW_STEP || n->kind == FLOW_READ ? pb_effect_name(n->effect) : NULL;
}

/* ---- nodes and edges ---- */

void flow_each_node(const flow_node *first, flow_node_fn *fn, void *ctx) {
    for (const flow_node *n = first; n; n = n->next) {
        fn(ctx, n);
        for (const flow_branch *b = n->branches; b; b = b->next) flow_each_node(b->first, fn, ctx);
    }
}

typedef struct loose {
    struct loose *next;
    const flow_node *from;
    pb_str label;
} loose;

typedef struct tying {
    pb_arena *arena;
    flow_edge_fn *fn;
    void *ctx;
} tying;

static loose *end_of(tying *t, const flow_node *from, pb_str label, loose *others) {
    loose *l = pb_alloc(t->arena, sizeof *l);
    if (!l) return others;
    *l = (loose){others, from, label};
    return l;
}

static void tie(tying *t, const loose *ends, const flow_node *to) {
    for (; ends; ends = ends->next) t->fn(t->ctx, ends->from, to, ends->label);
}

static loose *tie_sequence(tying *t, const flow_node *first, loose *ends);

static loose *append(loose *a, loose *b) {
    loose **at = &a;
    while (*at) at = &(*at)->next;
    *at = b;
    return a;
}

static loose *tie_branches(tying *t, const flow_node *n) {
    loose *out = NULL;
    for (const flow_branch *b = n->branches; b; b = b->next) {
        loose *into = end_of(t, n, b->label, NULL);
        out = append(out, b->first ? tie_sequence(t, b->first, into) : into);
    }
    if (n->kind != FLOW_LOOP) return out;
    tie(t, out, n);
    return end_of(t, n, PB_STR("then"), NULL);
}

/* Ties `ends` to the sequence; the loose ends behind it. */
static loose *tie_sequence(tying *t, const flow_node *first, loose *ends) {
    for (const flow_node *n = first; n; n = n->next) {
        tie(t, ends, n);
        if (n->branches)
            ends = tie_branches(t, n);
        else
            ends = n->kind == FLOW_END ? NULL : end_of(t, n, (pb_str){"", 0}, NULL);
    }
    return ends;
}

void flow_each_edge(const flow_node *first, pb_arena *a, flow_edge_fn *fn, void *ctx) {
    tying t = {a, fn, ctx};
    tie_sequence(&t, first, NULL);
}

/* ---- Mermaid ---- */

/* Mermaid has no escapes but entities by number, and quotes keep its brackets apart from ours. */
static void escape_mermaid(pb_buf *out, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (strchr("\"#<>&;{}[]()|`\\", c) && c)
            pb_buf_printf(out, "#%u;", c);
        else
            pb_buf_putc(out, (char)(c < 0x20 ? ' ' : c));
    }
}

static void mermaid_node(void *ctx, const flow_node *n) {
    pb_buf *out = ctx;
    const flow_look *look = flow_look_of(n);
    const char *effect = flow_effect_word(n);
    pb_buf_printf(out, "  n%u%s\"", n->number, look->mermaid_open);
    escape_mermaid(out, n->text);
    if (effect) pb_buf_printf(out, "<br/><i>%s</i>", effect);
    pb_buf_printf(out, "\"%s\n", look->mermaid_close);
    pb_buf_printf(out, "  style n%u fill:%s,stroke:%s,color:#0f172a\n", n->number, look->fill, look->line);
}

static void mermaid_edge(void *ctx, const flow_node *from, const flow_node *to, pb_str label) {
    pb_buf *out = ctx;
    pb_buf_printf(out, "  n%u -->", from->number);
    if (label.n) {
        pb_buf_puts(out, "|\"");
        escape_mermaid(out, label);
        pb_buf_puts(out, "\"|");
    }
    pb_buf_printf(out, " n%u\n", to->number);
}

static void draw_mermaid(const flow *f, pb_arena *a, pb_buf *out) {
    pb_buf_puts(out, "---\ntitle: ");
    escape_mermaid(out, f->name);
    pb_buf_puts(out, "\n---\nflowchart TD\n");
    flow_each_node(f->first, mermaid_node, out);
    flow_each_edge(f->first, a, mermaid_edge, out);
    if (!f->on_failure) return;
    pb_buf_puts(out, "  subgraph failure[\"if a step fails\"]\n");
    flow_each_node(f->on_failure, mermaid_node, out);
    flow_each_edge(f->on_failure, a, mermaid_edge, out);
    pb_buf_puts(out, "  end\n");
}

/* ---- DOT ---- */

static void escape_dot(pb_buf *out, pb_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        if (c == '"' || c == '\\') pb_buf_putc(out, '\\');
        pb_buf_putc(out, (unsigned char)c < 0x20 ? ' ' : c);
    }
}

static void dot_node(void *ctx, const flow_node *n) {
    pb_buf *out = ctx;
    const flow_look *look = flow_look_of(n);
    const char *effect = flow_effect_word(n);
    pb_buf_printf(out, "  n%u [shape=%s style=filled fillcolor=\"%s\" color=\"%s\" label=\"", n->number, look->dot_shape,
                  look->fill, look->line);
    escape_dot(out, n->text);
    if (effect) pb_buf_printf(out, "\\n(%s)", effect);
    pb_buf_puts(out, "\"];\n");
}

static void dot_edge(void *ctx, const flow_node *from, const flow_node *to, pb_str label) {
    pb_buf *out = ctx;
    pb_buf_printf(out, "  n%u -> n%u", from->number, to->number);
    if (label.n) {
        pb_buf_puts(out, " [label=\"");
        escape_dot(out, label);
        pb_buf_puts(out, "\"]");
    }
    pb_buf_puts(out, ";\n");
}

static void draw_dot(const flow *f, pb_arena *a, pb_buf *out) {
    pb_buf_puts(out, "digraph \"");
    escape_dot(out, f->name);
    pb_buf_puts(out, "\" {\n  node [fontname=\"sans-serif\" fontsize=11];\n  edge [fontname=\"sans-serif\" fontsize=10];\n");
    flow_each_node(f->first, dot_node, out);
    flow_each_edge(f->first, a, dot_edge, out);
    if (f->on_failure) {
        pb_buf_puts(out, "  subgraph cluster_failure {\n  label=\"if a step fails\";\n");
        flow_each_node(f->on_failure, dot_node, out);
        flow_each_edge(f->on_failure, a, dot_edge, out);
        pb_buf_puts(out, "  }\n");
    }
    pb_buf_puts(out, "}\n");
}

void flow_draw(flow *f, flow_format format, pb_arena *a, pb_buf *out) {
    switch (format) {
    case FLOW_MERMAID: draw_mermaid(f, a, out); break;
    case FLOW_DOT: draw_dot(f, a, out); break;
    case FLOW_SVG: flow_draw_svg(f, out); break;
    }
}
