/*
 * serve_web.h - the server's part for people who look on: a page about runs, and the JSON behind it.
 *
 *     serve_web.c      the page's files, logging in and out, who may read
 *     serve_session.c  who has logged in
 *     serve_api.c      GET /api/...
 *     vm/web/          the page itself
 *
 * It is off until the site (or PB_UI_TOKEN) says a token. The token lets one read, no more: it does not say who
 * somebody is, so nobody can decide an approval with it.
 */
#ifndef PB_SERVE_WEB_H
#define PB_SERVE_WEB_H

#include "vm/serve.h"

extern const serve_part serve_web_part;

typedef struct serve_web serve_web;
const serve_world *serve_web_world(const serve_web *p);
/* May this be read? Else it is answered already: 404 where all this is off, 401. */
bool serve_web_may(serve_web *p, serve_exchange *x, const serve_request *q);
/* ctx of the handlers is the serve_web. */
bool serve_api_routes(serve_web *p, serve_http *h);

/* A file of vm/web, compiled in (made by vm/web/gen_files.py). */
typedef struct web_file {
    const char *name, *type;
    const char *data;
    size_t n;
} web_file;
extern const web_file web_files[]; /* ends with a NULL name */

#endif
