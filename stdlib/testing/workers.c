/*
 * workers.c - jobs in processes of their own, several at a time: a job is a test, or a mutant with its tests.
 *
 * Everything is compiled before the processes are made, so they share it. Each takes the next number of a counter in
 * shared memory, does that job and writes one record to its pipe; so they are always busy and nothing is done twice. A
 * process that dies (a bug of ours: tests cannot do that) costs the job that it was at; another one takes its place.
 * Results are told as they come; whoever asks puts them in order. A test's world is new in every case, so a parallel
 * run gives what a serial one gives.
 */
#include "stdlib/testing/suite.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct worker {
    pid_t pid;
    int fd;
    pb_buf in;
} worker;

enum { DIR_MAX = 256 };

typedef struct shared {
    uint32_t next;                  /* job to take */
    uint32_t at[SUITE_WORKERS_MAX]; /* job that a worker is at, + 1; 0: none */
} shared;

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- a worker ---- */

static bool write_all(int fd, const void *data, size_t n) {
    const char *p = data;
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k, n -= (size_t)k;
    }
    return true;
}

static bool run_one(const jobs *j, uint32_t i, const char *dir, int fd) {
    job_result r = {.job = i};
    pb_buf report = {0};
    int64_t begun = now_us();
    j->run(j->ctx, i, dir, &r, &report);
    r.us = now_us() - begun;
    r.size = report.oom ? 0 : (uint32_t)(report.len < JOB_REPORT_MAX ? report.len : JOB_REPORT_MAX);
    bool ok = write_all(fd, &r, sizeof r) && write_all(fd, report.data, r.size);
    pb_buf_free(&report);
    return ok;
}

static void work(const jobs *j, const char *base, shared *m, uint32_t me, int fd) {
    char dir[DIR_MAX + 16];
    account_environment();
    snprintf(dir, sizeof dir, "%s/%u", base, me);
    mkdir(dir, 0700);
    for (;;) {
        uint32_t i = __atomic_fetch_add(&m->next, 1, __ATOMIC_SEQ_CST);
        if (i >= j->n) break;
        m->at[me] = i + 1;
        if (!run_one(j, i, dir, fd)) break;
        m->at[me] = 0;
    }
}

static bool worker_start(worker *w, const jobs *j, const char *base, shared *m, uint32_t me) {
    int fds[2];
    if (pipe(fds) != 0) return false;
    fflush(stdout);
    fflush(stderr);
    m->at[me] = 0;
    w->pid = fork();
    if (w->pid == 0) {
        close(fds[0]);
        work(j, base, m, me, fds[1]);
        _exit(0);
    }
    close(fds[1]);
    w->fd = w->pid > 0 ? fds[0] : -1;
    if (w->pid < 0) close(fds[0]);
    return w->pid > 0;
}

/* ---- what workers say ---- */

typedef struct crew {
    const jobs *jobs;
    shared *shared;
    char dir[DIR_MAX];
    worker all[SUITE_WORKERS_MAX];
    uint32_t n;
    bool *done; /* by job */
} crew;

static void take_result(crew *c, const job_result *r, const char *report) {
    if (r->job >= c->jobs->n || c->done[r->job]) return;
    c->done[r->job] = true;
    c->jobs->done(c->jobs->ctx, r, report);
}

static void take_results(crew *c, worker *w) {
    size_t at = 0;
    job_result r;
    while (w->in.len - at >= sizeof r) {
        memcpy(&r, w->in.data + at, sizeof r);
        if (w->in.len - at - sizeof r < r.size) break;
        take_result(c, &r, w->in.data + at + sizeof r);
        at += sizeof r + r.size;
    }
    if (at) memmove(w->in.data, w->in.data + at, w->in.len - at);
    w->in.len -= at;
}

/* The worker has ended. If a job was under way, that has ended it: another worker goes on with the next one. */
static void bury(crew *c, uint32_t i) {
    worker *w = &c->all[i];
    int status = 0;
    uint32_t at = c->shared->at[i];
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    close(w->fd);
    w->fd = -1;
    w->in.len = 0;
    if (!at || c->done[at - 1]) return;
    char text[128];
    int n = snprintf(text, sizeof text, "  the process of the test ended with %s %d; please report this\n",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    take_result(c, &(job_result){.job = at - 1, .size = (uint32_t)n, .verdict = TEST_BROKEN}, text);
    worker_start(w, c->jobs, c->dir, c->shared, i);
}

static void read_worker(crew *c, uint32_t i) {
    char room[65536];
    worker *w = &c->all[i];
    ssize_t n = read(w->fd, room, sizeof room);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
        bury(c, i);
        return;
    }
    pb_buf_add(&w->in, room, (size_t)n);
    take_results(c, w);
}

static void listen_to(crew *c) {
    for (;;) {
        struct pollfd fds[SUITE_WORKERS_MAX];
        uint32_t n = 0;
        for (uint32_t i = 0; i < c->n; i++) {
            fds[i] = (struct pollfd){c->all[i].fd, POLLIN, 0};
            n += c->all[i].fd >= 0;
        }
        if (!n || (poll(fds, c->n, -1) < 0 && errno != EINTR)) return;
        for (uint32_t i = 0; i < c->n; i++)
            if (c->all[i].fd >= 0 && fds[i].revents) read_worker(c, i);
    }
}

/* ---- all of it ---- */

/* In memory where the machine has such a place. */
static bool make_dir(char dir[DIR_MAX]) {
    const char *tmp = getenv("TMPDIR");
    const char *const places[] = {"/dev/shm", tmp && *tmp ? tmp : "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(dir, DIR_MAX, "%s/pbc-test-XXXXXX", places[i]);
        if (n > 0 && n < DIR_MAX && mkdtemp(dir)) return true;
    }
    fputs("pbc test: no directory for the stores of tests can be made in /dev/shm or TMPDIR\n", stderr);
    return false;
}

static void remove_dir(const crew *c) {
    char dir[DIR_MAX + 16];
    for (uint32_t i = 0; i < c->n; i++) {
        snprintf(dir, sizeof dir, "%s/%u", c->dir, i);
        stores_remove(dir);
        rmdir(dir);
    }
    rmdir(c->dir);
}

bool workers_run(const jobs *j, uint32_t workers, int64_t *us) {
    crew c = {.jobs = j};
    int64_t begun = now_us();
    bool ok = false;
    c.n = workers < 1 ? 1 : workers > SUITE_WORKERS_MAX ? SUITE_WORKERS_MAX : workers;
    if (c.n > j->n) c.n = j->n ? j->n : 1;
    c.done = calloc(j->n + 1, sizeof *c.done);
    c.shared = mmap(NULL, sizeof *c.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.shared == MAP_FAILED || !c.done || !make_dir(c.dir)) goto cleanup;
    for (uint32_t i = 0; i < c.n; i++) {
        c.all[i].fd = -1;
        ok |= worker_start(&c.all[i], j, c.dir, c.shared, i);
    }
    listen_to(&c);
    remove_dir(&c);
    *us += now_us() - begun;
cleanup:
    for (uint32_t i = 0; i < c.n; i++) pb_buf_free(&c.all[i].in);
    if (c.shared != MAP_FAILED) munmap(c.shared, sizeof *c.shared);
    free(c.done);
    return ok;
}
