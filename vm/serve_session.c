/*
 * serve_session.c - see serve_session.h.
 */
#include "vm/serve_session.h"

#include "vm/digest.h"
#include "vm/loop.h"

#include <openssl/crypto.h>
#include <stdlib.h>

typedef struct session {
    uint8_t digest[DIGEST_SIZE];
    int64_t since, until; /* until 0: free */
} session;

struct serve_sessions {
    session all[SESSIONS_MAX];
};

serve_sessions *serve_sessions_new(void) { return calloc(1, sizeof(serve_sessions)); }
void serve_sessions_free(serve_sessions *s) { free(s); }

static bool is_good(const session *s, int64_t now) { return s->until > now && s->since <= now + 60000; }

static session *place(serve_sessions *s, int64_t now) {
    session *oldest = &s->all[0];
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (!is_good(&s->all[i], now)) return &s->all[i];
        if (s->all[i].until < oldest->until) oldest = &s->all[i];
    }
    return oldest;
}

bool serve_session_begin(serve_sessions *s, int64_t now, char id[SESSION_HEX + 1]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t chance[SESSION_HEX / 2];
    session fresh = {.since = now, .until = now + SESSION_MS};
    if (!pb_random(chance, sizeof chance)) return false;
    for (size_t i = 0; i < sizeof chance; i++) {
        id[2 * i] = digits[chance[i] >> 4];
        id[2 * i + 1] = digits[chance[i] & 15];
    }
    id[SESSION_HEX] = '\0';
    const pb_str text = {id, SESSION_HEX};
    if (!digest_sha256(&text, 1, fresh.digest)) return false;
    *place(s, now) = fresh;
    return true;
}

/* Every one is compared, and each wholly: neither which nor how much of it fits is told by the time it takes. */
static const session *find(const serve_sessions *s, pb_str id) {
    uint8_t digest[DIGEST_SIZE];
    const session *found = NULL;
    if (id.n != SESSION_HEX || !digest_sha256(&id, 1, digest)) return NULL;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (CRYPTO_memcmp(s->all[i].digest, digest, DIGEST_SIZE) == 0) found = &s->all[i];
    return found;
}

bool serve_session_is(const serve_sessions *s, pb_str id, int64_t now) {
    const session *found = find(s, id);
    return found && is_good(found, now);
}

void serve_session_end(serve_sessions *s, pb_str id) {
    const session *found = find(s, id);
    if (found) s->all[found - s->all] = (session){.until = 0};
}

pb_str serve_cookie(pb_str header, const char *name) {
    size_t n = strlen(name);
    for (uint32_t at = 0; at < header.n;) {
        const char *p = header.s + at, *semicolon = memchr(p, ';', header.n - at);
        uint32_t len = semicolon ? (uint32_t)(semicolon - p) : header.n - at;
        if (len > n && memcmp(p, name, n) == 0 && p[n] == '=') return (pb_str){p + n + 1, len - (uint32_t)n - 1};
        at += len + 1;
        while (at < header.n && header.s[at] == ' ') at++;
    }
    return (pb_str){"", 0};
}
