/*
 * proxy.h - which proxy a URL goes through, by the environment's usual variables.
 */
#ifndef PB_PROXY_H
#define PB_PROXY_H

#include <stdbool.h>

enum { PROXY_MAX = 2048, PROXY_HOST_MAX = 256 };

typedef struct proxy_choice {
    bool used;
    char url[PROXY_MAX];       /* with user and password if it has them: never to be shown */
    char host[PROXY_HOST_MAX]; /* "10.0.0.1:3128": for messages */
} proxy_choice;

/* url: http:// or https:// and a host, as loop.h's callers give it. False: *variable names the one whose value is no
 * proxy's address. */
bool proxy_choose(const char *url, proxy_choice *out, const char **variable);
/* Loopback, link-local and EC2's own addresses: never through a proxy. host may have a port. */
bool proxy_is_local(const char *host);

#endif
