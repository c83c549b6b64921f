/*
 * constant.c - a server that says the same to everybody: constant FILE [TYPE] prints its port on 127.0.0.1 and answers
 * every HTTP request with the file's bytes, over connections that stay open. For bench_aws.py.
 *
 * It does as little as a server can, so that what is measured is the client: one process, one epoll loop, no look at
 * the request beyond its end (Content-Length). Not for any other use: it trusts its clients.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REQUEST_MAX = 64 << 10, CLIENTS_MAX = 1024, EVENTS = 64 };

typedef struct client {
    char in[REQUEST_MAX + 1];
    size_t n, sent; /* sent: of the answer under way */
    bool answering;
} client;

typedef struct server {
    int epoll, listener;
    char *answer;
    size_t size;
    client *clients[CLIENTS_MAX]; /* by descriptor */
} server;

static bool load(server *s, const char *path, const char *type) {
    FILE *f = fopen(path, "rb");
    long n = -1;
    if (f && fseek(f, 0, SEEK_END) == 0) n = ftell(f);
    if (n >= 0 && (s->answer = malloc((size_t)n + 512))) {
        int head = snprintf(
            s->answer, 512,
            "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-amzn-RequestId: r-1\r\nContent-Length: %ld\r\n\r\n", type, n);
        rewind(f);
        s->size = (size_t)head + fread(s->answer + head, 1, (size_t)n, f);
    }
    if (f) fclose(f);
    return s->answer != NULL;
}

static bool watch(server *s, int fd, uint32_t events, int what) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    return epoll_ctl(s->epoll, what, fd, &e) == 0;
}

static void drop(server *s, int fd) {
    free(s->clients[fd]);
    s->clients[fd] = NULL;
    close(fd);
}

/* The length of the first whole request in c->in; 0: not whole yet. */
static size_t request_length(client *c) {
    c->in[c->n] = 0;
    const char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return 0;
    size_t head = (size_t)(end - c->in) + 4, body = 0;
    for (const char *line = strstr(c->in, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0) body = strtoul(line + 17, NULL, 10);
    return c->n >= head + body ? head + body : 0;
}

/* Sends what is left of the answer; false: the client is gone. */
static bool push(server *s, int fd, client *c) {
    while (c->sent < s->size) {
        ssize_t n = send(fd, s->answer + c->sent, s->size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return watch(s, fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        if (n <= 0) return false;
        c->sent += (size_t)n;
    }
    c->answering = false;
    c->sent = 0;
    return true;
}

static bool serve(server *s, int fd, client *c, uint32_t events) {
    if (c->answering) {
        if (!push(s, fd, c)) return false;
        if (!c->answering && !watch(s, fd, EPOLLIN, EPOLL_CTL_MOD)) return false;
    }
    if (events & EPOLLIN) {
        ssize_t n = recv(fd, c->in + c->n, REQUEST_MAX - c->n, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN) || c->n == REQUEST_MAX) return false;
        if (n > 0) c->n += (size_t)n;
    }
    for (size_t length; !c->answering && (length = request_length(c)) > 0;) {
        memmove(c->in, c->in + length, c->n - length);
        c->n -= length;
        c->answering = true;
        if (!push(s, fd, c)) return false;
    }
    return true;
}

static void welcome(server *s) {
    int yes = 1, fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (fd < CLIENTS_MAX && (s->clients[fd] = calloc(1, sizeof(client))) && watch(s, fd, EPOLLIN, EPOLL_CTL_ADD))
        return;
    if (fd < CLIENTS_MAX) free(s->clients[fd]);
    close(fd);
}

static bool open_port(server *s) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->epoll < 0 || s->listener < 0 || bind(s->listener, (struct sockaddr *)&a, n) < 0) return false;
    if (listen(s->listener, 512) < 0 || getsockname(s->listener, (struct sockaddr *)&a, &n) < 0) return false;
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return watch(s, s->listener, EPOLLIN, EPOLL_CTL_ADD);
}

int main(int argc, char **argv) {
    static server s;
    struct epoll_event events[EVENTS];
    if (argc < 2 || !load(&s, argv[1], argc > 2 ? argv[2] : "text/xml") || !open_port(&s)) {
        fprintf(stderr, "usage: constant FILE [TYPE]\n");
        return 2;
    }
    for (;;) {
        int n = epoll_wait(s.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == s.listener)
                welcome(&s);
            else if (s.clients[fd] && !serve(&s, fd, s.clients[fd], events[i].events))
                drop(&s, fd);
        }
    }
}
