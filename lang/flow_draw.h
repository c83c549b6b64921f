/*
 * flow_draw.h - what the drawers of flows share; nobody else includes it.
 */
#ifndef PB_FLOW_DRAW_H
#define PB_FLOW_DRAW_H

#include "lang/flow.h"

/* How nodes look: one row a kind, and one an effect for what does something. */
typedef struct flow_look {
    const char *mermaid_open, *mermaid_close; /* brackets of the shape */
    const char *dot_shape;
    const char *fill, *line; /* colours */
} flow_look;
const flow_look *flow_look_of(const flow_node *n);
/* "contain", or NULL where there is nothing to say. Colour is never the only sign. */
const char *flow_effect_word(const flow_node *n);

/* All nodes in the order of their numbers' making; all edges with their labels. */
typedef void flow_node_fn(void *ctx, const flow_node *n);
typedef void flow_edge_fn(void *ctx, const flow_node *from, const flow_node *to, pb_str label);
void flow_each_node(const flow_node *first, flow_node_fn *fn, void *ctx);
void flow_each_edge(const flow_node *first, pb_arena *a, flow_edge_fn *fn, void *ctx);

void flow_draw_svg(flow *f, pb_buf *out);
/* & < > " ' as entities: for SVG and HTML. */
void flow_escape_xml(pb_buf *out, pb_str s);

#endif
