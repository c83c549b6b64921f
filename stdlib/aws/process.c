/*
 * process.c - a child process with a watched pipe.
 *
 * The child gets a process group of its own, so that what it starts goes with it when the time is over or too much
 * comes. Its output ends when the pipe does; then it is given the rest of its time to exit (some close their output
 * early), looked after by a short timer, because waiting for it would hold everything else. Nothing of the output is
 * kept or shown: it holds keys.
 */
#include "stdlib/aws/process.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REAP_MS = 10, FAULT_MAX = 160, FIRST_FD = 3 };

extern char **environ;

struct aws_process {
    pb_loop *loop;
    pb_watch *watch;
    pb_timer *timer;
    pid_t pid; /* 0: gone */
    int fd;    /* -1: its output has ended */
    int64_t end_ms, limit_ms;
    aws_process_fn *fn;
    void *ctx;
    char fault[FAULT_MAX];
    uint32_t n, max;
    char output[];
};

static void close_pipe(aws_process *p) {
    pb_watch_stop(p->watch);
    p->watch = NULL;
    if (p->fd >= 0) close(p->fd);
    p->fd = -1;
}

void aws_process_cancel(aws_process *p) {
    if (!p) return;
    close_pipe(p);
    if (p->timer) pb_timer_cancel(p->timer);
    if (p->pid) {
        kill(-p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    OPENSSL_cleanse(p->output, p->max);
    free(p);
}

static void finish(aws_process *p) {
    aws_process_end end = {p->fault[0] ? p->fault : NULL, {p->output, p->n}};
    p->fn(p->ctx, &end);
    aws_process_cancel(p);
}

static void judge(aws_process *p, int status) {
    if (WIFSIGNALED(status))
        snprintf(p->fault, FAULT_MAX, "it was ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == 127)
        snprintf(p->fault, FAULT_MAX, "it could not be run (status 127): is it installed, and in PATH?");
    else if (WEXITSTATUS(status))
        snprintf(p->fault, FAULT_MAX, "it ended with status %d; run it by hand to see why", WEXITSTATUS(status));
}

/* The output has ended or the time is over. */
static void look(void *ctx) {
    aws_process *p = ctx;
    int status = 0;
    p->timer = NULL;
    pid_t gone = p->fd < 0 ? waitpid(p->pid, &status, WNOHANG) : 0;
    if (gone == p->pid || (gone < 0 && errno != EINTR)) {
        p->pid = 0;
        if (gone > 0) judge(p, status);
        finish(p);
        return;
    }
    if (pb_loop_mono_ms() < p->end_ms) p->timer = pb_timer_start(p->loop, REAP_MS, look, p);
    if (p->timer) return;
    snprintf(p->fault, FAULT_MAX, "it did not end within %lld s", (long long)(p->limit_ms / 1000));
    finish(p);
}

static void readable(void *ctx) {
    aws_process *p = ctx;
    for (;;) {
        ssize_t got = read(p->fd, p->output + p->n, p->max - p->n);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) break;
        p->n += (uint32_t)got;
        if (p->n < p->max) continue;
        snprintf(p->fault, FAULT_MAX, "it printed more than the %u bytes that are read", p->max - 1);
        finish(p);
        return;
    }
    close_pipe(p);
    if (p->timer) pb_timer_cancel(p->timer);
    look(p);
}

static int spawn(pid_t *pid, char *const *argv, int out) {
    posix_spawn_file_actions_t f;
    posix_spawnattr_t a;
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    if (posix_spawn_file_actions_init(&f)) return ENOMEM;
    if (posix_spawnattr_init(&a)) {
        posix_spawn_file_actions_destroy(&f);
        return ENOMEM;
    }
    int e = posix_spawn_file_actions_addopen(&f, 0, "/dev/null", O_RDONLY, 0);
    if (!e) e = posix_spawn_file_actions_adddup2(&f, out, 1);
    if (!e) e = posix_spawn_file_actions_addclosefrom_np(&f, FIRST_FD);
    if (!e) e = posix_spawnattr_setpgroup(&a, 0);
    if (!e) e = posix_spawnattr_setsigmask(&a, &none);
    if (!e) e = posix_spawnattr_setsigdefault(&a, &usual);
    if (!e) e = posix_spawnattr_setflags(&a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (!e) e = posix_spawnp(pid, argv[0], &f, &a, argv, environ);
    posix_spawnattr_destroy(&a);
    posix_spawn_file_actions_destroy(&f);
    return e;
}

aws_process *aws_process_start(pb_loop *l, char *const *argv, uint32_t max_output, int64_t limit_ms, aws_process_fn *fn,
                               void *ctx, const char **err) {
    int fds[2];
    aws_process *p = calloc(1, sizeof *p + max_output + 1);
    *err = "out of memory";
    if (!p) return NULL;
    if (pipe2(fds, O_CLOEXEC)) {
        *err = "no pipe to it could be made: too many open files";
        free(p);
        return NULL;
    }
    *p = (aws_process){.loop = l, .fd = fds[0], .end_ms = pb_loop_mono_ms() + limit_ms, .limit_ms = limit_ms, .fn = fn};
    p->ctx = ctx;
    p->max = max_output + 1;
    fcntl(p->fd, F_SETFL, O_NONBLOCK);
    int e = spawn(&p->pid, argv, fds[1]);
    close(fds[1]);
    if (e) {
        p->pid = 0;
        *err = e == ENOENT || e == EACCES ? "the program was not found or may not be run" : "it could not be started";
        aws_process_cancel(p);
        return NULL;
    }
    p->watch = pb_watch_start(l, p->fd, readable, p);
    p->timer = pb_timer_start(l, limit_ms, look, p);
    if (p->watch && p->timer) return p;
    *err = "out of memory, or too many programs at once";
    aws_process_cancel(p);
    return NULL;
}
