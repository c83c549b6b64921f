/*
 * workers.c - tests in processes of their own, several at a time.
 *
 * Everything is compiled before the processes are made, so they share it. Each takes the next number of a counter in
 * shared memory, runs that test and writes one record to its pipe; so they are always busy and no test is run twice. A
 * process that dies (a bug of ours: tests cannot do that) costs the test that it was at; another one takes its place.
 * The order of the results is that of the tests, whoever ran them, and a test's world is new in every case: so a parallel run
 * gives what a serial one gives.
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

typedef struct record { /* what a worker says of a test; `size` bytes of report follow */
    uint32_t test, size, expectations, crashes;
    int32_t verdict;
    int64_t us;
} record;

typedef struct worker {
    pid_t pid;
    int fd;
    pb_buf in;
} worker;

typedef struct shared {
    uint32_t next;                      /* test to take */
    uint32_t at[SUITE_WORKERS_MAX];     /* test that a worker is at, + 1; 0: none */
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

/* The files of a test's store. */
static void stores_remove(const char *dir) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[512];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s/0.db%s", dir, endings[i]);
        unlink(path);
    }
}

/* With a death on the way the account must end as it does without: `end` says how. */
static void compare_end(trial *t, uint64_t crash_at, pb_buf *end) {
    pb_str now = account_summary(&t->account, t->arena);
    if (!crash_at) {
        pb_buf_add(end, now.s, now.n);
        return;
    }
    if (now.n == end->len && memcmp(now.s, end->data, now.n) == 0) return;
    trial_broken(t, pb_printf(t->arena, "the account ends with other things: %.*s, without the crash %s", PB_ARG(now),
                              end->data ? end->data : ""),
                 t->test->string_span);
}

/* Once, with a death at that moment (0: without). *moments: how many there were, if the test asks for deaths. */
static verdict run_trial(const suite_test *test, const char *dir, uint64_t crash_at, uint64_t *moments, record *r,
                         pb_buf *end, pb_buf *report) {
    trial t;
    trial_run(&t, test->unit, test->decl, dir, crash_at);
    if (t.crash_wanted && trial_passed(&t)) compare_end(&t, crash_at, end);
    verdict v = trial_passed(&t) ? TEST_PASSED : t.broken.n ? TEST_BROKEN : TEST_FAILED;
    if (v != TEST_PASSED && crash_at)
        pb_buf_printf(report, "  with the process killed at moment %llu of %llu\n", (unsigned long long)crash_at,
                      (unsigned long long)*moments);
    if (v != TEST_PASSED) report_failure(&t, report);
    r->expectations += t.expectations;
    if (!crash_at) *moments = t.crash_wanted ? t.moments : 0;
    trial_close(&t);
    stores_remove(dir);
    return v;
}

static bool run_one(const suite *s, uint32_t i, const char *dir, int fd) {
    const suite_test *test = &s->tests[i];
    pb_buf report = {0}, end = {0};
    uint64_t moments = 0;
    int64_t begun = now_us();
    record r = {.test = i};
    verdict v = run_trial(test, dir, 0, &moments, &r, &end, &report);
    for (uint64_t k = 1; k <= moments && v == TEST_PASSED; k++, r.crashes++)
        v = run_trial(test, dir, k, &moments, &r, &end, &report);
    r.verdict = v;
    r.us = now_us() - begun;
    r.size = report.oom ? 0 : (uint32_t)(report.len < SUITE_REPORT_MAX ? report.len : SUITE_REPORT_MAX);
    bool ok = write_all(fd, &r, sizeof r) && write_all(fd, report.data, r.size);
    pb_buf_free(&report);
    pb_buf_free(&end);
    return ok;
}

static void work(const suite *s, shared *m, uint32_t me, int fd) {
    char dir[sizeof s->dir + 16];
    account_environment();
    snprintf(dir, sizeof dir, "%s/%u", s->dir, me);
    mkdir(dir, 0700);
    for (;;) {
        uint32_t i = __atomic_fetch_add(&m->next, 1, __ATOMIC_SEQ_CST);
        if (i >= s->ntests) break;
        if (s->tests[i].verdict != TEST_NOT_RUN) continue;
        m->at[me] = i + 1;
        if (!run_one(s, i, dir, fd)) break;
        m->at[me] = 0;
    }
}

static bool worker_start(worker *w, const suite *s, shared *m, uint32_t me) {
    int fds[2];
    if (pipe(fds) != 0) return false;
    fflush(stdout);
    fflush(stderr);
    m->at[me] = 0;
    w->pid = fork();
    if (w->pid == 0) {
        close(fds[0]);
        work(s, m, me, fds[1]);
        _exit(0);
    }
    close(fds[1]);
    w->fd = w->pid > 0 ? fds[0] : -1;
    if (w->pid < 0) close(fds[0]);
    return w->pid > 0;
}

/* ---- what workers say ---- */

typedef struct crew {
    suite *suite;
    shared *shared;
    worker all[SUITE_WORKERS_MAX];
    uint32_t n;
    suite_progress *progress;
    void *ctx;
} crew;

static void take_record(crew *c, const record *r, const char *report) {
    if (r->test >= c->suite->ntests) return;
    suite_test *t = &c->suite->tests[r->test];
    t->verdict = (verdict)r->verdict;
    t->expectations = r->expectations;
    t->crashes = r->crashes;
    t->us = r->us;
    t->report = r->size ? strndup(report, r->size) : NULL;
    if (c->progress) c->progress(c->ctx, c->suite, t);
}

static void take_records(crew *c, worker *w) {
    size_t at = 0;
    record r;
    while (w->in.len - at >= sizeof r) {
        memcpy(&r, w->in.data + at, sizeof r);
        if (w->in.len - at - sizeof r < r.size) break;
        take_record(c, &r, w->in.data + at + sizeof r);
        at += sizeof r + r.size;
    }
    memmove(w->in.data, w->in.data + at, w->in.len - at);
    w->in.len -= at;
}

/* The worker has ended. A test that it was at has ended it. */
static void bury(crew *c, uint32_t i) {
    worker *w = &c->all[i];
    int status = 0;
    uint32_t at = c->shared->at[i];
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    close(w->fd);
    w->fd = -1;
    w->in.len = 0;
    if (!at || c->suite->tests[at - 1].verdict != TEST_NOT_RUN) return;
    char text[128];
    int n = snprintf(text, sizeof text, "  the process of the test ended with %s %d; please report this\n",
                     WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    record r = {.test = at - 1, .size = (uint32_t)n, .verdict = TEST_BROKEN};
    take_record(c, &r, text);
    worker_start(w, c->suite, c->shared, i);
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
    take_records(c, w);
}

static void listen_to(crew *c) {
    for (;;) {
        struct pollfd fds[SUITE_WORKERS_MAX];
        uint32_t n = 0;
        for (uint32_t i = 0; i < c->n; i++) {
            fds[i] = (struct pollfd){c->all[i].fd, POLLIN, 0};
            n += c->all[i].fd >= 0;
        }
        if (!n) return;
        if (poll(fds, c->n, -1) < 0 && errno != EINTR) return;
        for (uint32_t i = 0; i < c->n; i++)
            if (c->all[i].fd >= 0 && fds[i].revents) read_worker(c, i);
    }
}

/* In memory where the machine has such a place. */
static bool make_dir(suite *s) {
    const char *tmp = getenv("TMPDIR");
    const char *const places[] = {"/dev/shm", tmp && *tmp ? tmp : "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(s->dir, sizeof s->dir, "%s/pbc-test-XXXXXX", places[i]);
        if (n > 0 && (size_t)n < sizeof s->dir && mkdtemp(s->dir)) return true;
    }
    return false;
}

bool workers_run(suite *s, uint32_t workers, suite_progress *progress, void *ctx) {
    crew c = {.suite = s, .progress = progress, .ctx = ctx};
    int64_t begun = now_us();
    c.n = workers < 1 ? 1 : workers > SUITE_WORKERS_MAX ? SUITE_WORKERS_MAX : workers;
    if (c.n > s->ntests) c.n = s->ntests ? s->ntests : 1;
    c.shared = mmap(NULL, sizeof *c.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.shared == MAP_FAILED) return false;
    if (!make_dir(s)) {
        fputs("pbc test: no directory for the stores of tests can be made in /dev/shm or TMPDIR\n", stderr);
        munmap(c.shared, sizeof *c.shared);
        return false;
    }
    bool ok = false;
    for (uint32_t i = 0; i < c.n; i++) {
        c.all[i].fd = -1;
        ok |= worker_start(&c.all[i], s, c.shared, i);
    }
    listen_to(&c);
    for (uint32_t i = 0; i < c.n; i++) {
        char dir[sizeof s->dir + 16];
        snprintf(dir, sizeof dir, "%s/%u", s->dir, i);
        stores_remove(dir);
        rmdir(dir);
    }
    rmdir(s->dir);
    for (uint32_t i = 0; i < c.n; i++) pb_buf_free(&c.all[i].in);
    munmap(c.shared, sizeof *c.shared);
    s->us = now_us() - begun;
    return ok;
}
