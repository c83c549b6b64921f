/*
 * serve_session.h - who has logged in to the server's page: random ids that browsers keep in a cookie.
 *
 * They live in memory: a server that is started anew knows nobody. Only digests of the ids are kept, so what finds its
 * way out of the process's memory lets nobody in.
 */
#ifndef PB_SERVE_SESSION_H
#define PB_SERVE_SESSION_H

#include "lang/base.h"

enum {
    SESSION_MS = 8 * 3600000, /* a shift; then one logs in again */
    SESSIONS_MAX = 64,        /* one more takes the oldest one's place */
    SESSION_HEX = 64
};

typedef struct serve_sessions serve_sessions;

serve_sessions *serve_sessions_new(void); /* NULL: out of memory */
void serve_sessions_free(serve_sessions *s);
/* The new session's id, 256 bits of chance in hexadecimal. False: there is no chance to be had. */
bool serve_session_begin(serve_sessions *s, int64_t now, char id[SESSION_HEX + 1]);
bool serve_session_is(const serve_sessions *s, pb_str id, int64_t now);
void serve_session_end(serve_sessions *s, pb_str id);
/* The value of a cookie out of a Cookie header; empty: it is not there. */
pb_str serve_cookie(pb_str header, const char *name);

#endif
