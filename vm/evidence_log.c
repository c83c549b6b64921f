/*
 * evidence_log.c - appends evidence to a file, whole or not at all.
 *
 * Several runners may share the file: each append holds a lock on it. A line is written at its end in one go and then
 * flushed to disk; when that does not succeed (disk full, file size limit), the file is cut back to its old length. A
 * machine that died in the middle leaves a torn line without an end: whoever opens or appends next moves such a tail
 * into evidence.jsonl.torn, so that every line of the log itself is a whole document and nothing is thrown away.
 */
#include "vm/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL_CHUNK = 4096, OPEN_FLAGS = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW };

struct evidence_log {
    int dir, fd;
};

static bool told(pb_arena *a, pb_str *err, const char *what, int cause) {
    *err = pb_printf(a, "%s: %s", what, strerror(cause));
    return false;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* The offset behind the last line end before `size`; -1: cannot be read. */
static off_t last_line_end(int fd, off_t size) {
    char chunk[TAIL_CHUNK];
    while (size > 0) {
        off_t from = size > TAIL_CHUNK ? size - TAIL_CHUNK : 0;
        ssize_t n = pread(fd, chunk, (size_t)(size - from), from);
        if (n != size - from) return -1;
        for (ssize_t i = n; i > 0; i--)
            if (chunk[i - 1] == '\n') return from + i;
        size = from;
    }
    return 0;
}

static bool copy_tail(int from, off_t at, off_t size, int to) {
    char chunk[TAIL_CHUNK];
    while (at < size) {
        size_t want = size - at < TAIL_CHUNK ? (size_t)(size - at) : TAIL_CHUNK;
        ssize_t n = pread(from, chunk, want, at);
        if (n <= 0 || !write_all(to, chunk, (size_t)n)) return false;
        at += n;
    }
    return write_all(to, "\n", 1) && fsync(to) == 0;
}

/* With the lock held: moves a torn tail away. */
static bool repair(const evidence_log *l, pb_arena *a, pb_str *err) {
    struct stat st;
    if (fstat(l->fd, &st) != 0) return told(a, err, "the evidence log cannot be looked at", errno);
    off_t end = last_line_end(l->fd, st.st_size);
    if (end < 0) return told(a, err, "the evidence log cannot be read", errno);
    if (end == st.st_size) return true;
    int torn = openat(l->dir, "evidence.jsonl.torn", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = torn >= 0 && copy_tail(l->fd, end, st.st_size, torn) && ftruncate(l->fd, end) == 0;
    int cause = errno;
    if (torn >= 0) close(torn);
    return ok || told(a, err, "a torn line at the end of the evidence log cannot be moved away", cause);
}

static bool lock(const evidence_log *l, pb_arena *a, pb_str *err) {
    int r;
    do r = flock(l->fd, LOCK_EX);
    while (r != 0 && errno == EINTR);
    return r == 0 || told(a, err, "the evidence log cannot be locked", errno);
}

static bool open_files(evidence_log *l, const char *dir) {
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) return false;
    l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->dir < 0) return false;
    l->fd = openat(l->dir, "evidence.jsonl", OPEN_FLAGS);
    bool made = l->fd < 0 && errno == ENOENT;
    if (made) l->fd = openat(l->dir, "evidence.jsonl", OPEN_FLAGS | O_CREAT, 0600);
    struct stat st;
    if (l->fd < 0 || fstat(l->fd, &st) != 0) return false;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return false;
    }
    return !made || fsync(l->dir) == 0 || errno == EINVAL; /* some file systems cannot sync a directory */
}

evidence_log *evidence_open(const char *dir, pb_arena *a, pb_str *err) {
    evidence_log *l = calloc(1, sizeof *l);
    if (!l) {
        *err = PB_STR("out of memory");
        return NULL;
    }
    l->dir = l->fd = -1;
    if (!open_files(l, dir)) {
        *err = pb_printf(a, "cannot open the evidence log in %s: %s", dir, strerror(errno));
        goto fail;
    }
    if (!lock(l, a, err)) goto fail;
    if (!repair(l, a, err)) goto fail;
    flock(l->fd, LOCK_UN);
    return l;
fail:
    evidence_close(l);
    return NULL;
}

bool evidence_append(evidence_log *l, const char *line, size_t n, pb_arena *a, pb_str *err) {
    pb_buf b = {0};
    struct stat st;
    bool ok = false;
    pb_buf_add(&b, line, n);
    pb_buf_putc(&b, '\n');
    if (b.oom) {
        *err = PB_STR("out of memory");
        goto cleanup;
    }
    if (!lock(l, a, err)) goto cleanup;
    ok = repair(l, a, err);
    if (ok && fstat(l->fd, &st) != 0) ok = told(a, err, "the evidence log cannot be looked at", errno);
    if (ok && (!write_all(l->fd, b.data, b.len) || fsync(l->fd) != 0)) {
        ok = told(a, err, "the evidence cannot be written", errno);
        if (ftruncate(l->fd, st.st_size) == 0) fsync(l->fd); /* else the next one repairs it */
    }
    flock(l->fd, LOCK_UN);
cleanup:
    pb_buf_free(&b);
    return ok;
}

/* Both are texts that JSON writes as they are. */
static bool line_has(const char *line, size_t n, const char *member, pb_str value) {
    char want[128];
    int len = snprintf(want, sizeof want, "\"%s\":\"%.*s\"", member, PB_ARG(value));
    return len > 0 && (size_t)len < sizeof want && memmem(line, n, want, (size_t)len);
}

static bool any_line(const char *p, size_t n, pb_str run, pb_str started) {
    const char *end = p + n, *stop;
    for (; p < end; p = stop + 1) {
        stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) return false; /* torn */
        size_t len = (size_t)(stop - p);
        if (line_has(p, len, "run_id", run) && line_has(p, len, "started_at", started)) return true;
    }
    return false;
}

bool evidence_has(evidence_log *l, pb_str run, int64_t started_ms, pb_arena *a) {
    struct stat st;
    pb_str err, started = pb_time_text(a, started_ms);
    bool found = false;
    if (!started.n || !lock(l, a, &err)) return false;
    if (fstat(l->fd, &st) == 0 && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, l->fd, 0);
        if (p != MAP_FAILED) {
            found = any_line(p, (size_t)st.st_size, run, started);
            munmap(p, (size_t)st.st_size);
        }
    }
    flock(l->fd, LOCK_UN);
    return found;
}

void evidence_close(evidence_log *l) {
    if (!l) return;
    if (l->fd >= 0) close(l->fd);
    if (l->dir >= 0) close(l->dir);
    free(l);
}
