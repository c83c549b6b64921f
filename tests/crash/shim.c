/*
 * shim.c - stands between a program and the system calls by which it changes the world (LD_PRELOAD), for tests: it
 * counts them, kills the process at a chosen one, or has them fail. It knows nothing of pbrun's own crash points, so
 * what it finds does not depend on those being in the right places.
 *
 *   SHIM_KILL=N     SIGKILL before the N-th counted call; N odd kills half-way through where a file is written: half
 *                   of the bytes are there
 *   SHIM_SYNC=N     the N-th fsync or fdatasync fails with EIO, and so does every later one
 *   SHIM_FULL=N     from the N-th write to a file on there is no room: ENOSPC
 *   SHIM_COUNT=FILE at its end the process writes there: calls, syncs, file writes, seconds spent in syncs
 *
 * Standard output and error are left alone, and so are pipes: what is counted is files and sockets.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static unsigned long calls, syncs, writes, kill_at, sync_at, full_at;
static double syncing;

static unsigned long number(const char *name) {
    const char *v = getenv(name);
    return v ? strtoul(v, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void) {
    kill_at = number("SHIM_KILL");
    sync_at = number("SHIM_SYNC");
    full_at = number("SHIM_FULL");
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("SHIM_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f) return;
    fprintf(f, "%lu %lu %lu %.9f\n", calls, syncs, writes, syncing);
    fclose(f);
}

static bool is_file(int fd) {
    struct stat st;
    return fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_socket(int fd) {
    struct stat st;
    return fd > 2 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The next counted call. True: the process dies in the middle of it. */
static bool counted(bool can_be_torn) {
    if (++calls != kill_at) return false;
    if (can_be_torn && kill_at % 2) return true;
    raise(SIGKILL);
    return false;
}

/* A write to a file. True: there is no room. */
static bool full(void) {
    ++writes;
    if (!full_at || writes < full_at) return false;
    errno = ENOSPC;
    return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *p, size_t n) {
    bool file = is_file(fd);
    if (file || is_socket(fd)) {
        bool torn = counted(file);
        if (file && full()) return -1;
        if (torn) {
            NEXT(write)(fd, p, n / 2);
            raise(SIGKILL);
        }
    }
    return NEXT(write)(fd, p, n);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
    bool torn = counted(true);
    if (full()) return -1;
    if (torn) {
        NEXT(pwrite64)(fd, p, n / 2, at);
        raise(SIGKILL);
    }
    return NEXT(pwrite64)(fd, p, n, at);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return pwrite64(fd, p, n, at); }

static int synced(int (*real)(int), int fd) {
    struct timespec a, b;
    counted(false);
    if (++syncs >= sync_at && sync_at) {
        errno = EIO;
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &a);
    int r = real(fd);
    clock_gettime(CLOCK_MONOTONIC, &b);
    syncing += (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    return r;
}

int fsync(int fd) { return synced(NEXT(fsync), fd); }
int fdatasync(int fd) { return synced(NEXT(fdatasync), fd); }

int ftruncate64(int fd, off64_t n) {
    counted(false);
    return NEXT(ftruncate64)(fd, n);
}
int ftruncate(int fd, off_t n) {
    counted(false);
    return NEXT(ftruncate)(fd, n);
}

int unlink(const char *path) {
    counted(false);
    return NEXT(unlink)(path);
}

ssize_t send(int fd, const void *p, size_t n, int flags) {
    counted(false);
    return NEXT(send)(fd, p, n, flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t nto) {
    counted(false);
    return NEXT(sendto)(fd, p, n, flags, to, nto);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
    counted(false);
    return NEXT(sendmsg)(fd, m, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags) {
    ssize_t r = NEXT(recv)(fd, p, n, flags);
    if (r > 0) counted(false);
    return r;
}
