/*
 * owner.c - who holds a lease.
 *
 * A lease is over when it has not been renewed for some time; but a process that died on this very machine need not be
 * waited for. A pid alone says nothing (it may be another process by now), so the time at which the process was started
 * and the boot of the machine are named with it. What cannot be read is left empty, and then nobody is taken for dead.
 */
#include "vm/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STARTTIME = 22 /* field of /proc/PID/stat */ };

static size_t read_small(const char *path, char *out, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

/* When the process was started, in ticks since the boot; 0: cannot be told. A name in parentheses may hold anything. */
static unsigned long long started(long pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!read_small(path, text, sizeof text)) return 0;
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < STARTTIME; field++) p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void machine(char host[65], char boot[9]) {
    char id[64];
    if (gethostname(host, 65) != 0) host[0] = 0;
    host[64] = 0;
    for (char *p = host; *p; p++)
        if (*p <= ' ' || *p > '~') *p = '-';
    size_t n = read_small("/proc/sys/kernel/random/boot_id", id, sizeof id);
    snprintf(boot, 9, "%.8s", n >= 8 ? id : "");
}

static pb_str words(pb_arena *a, long pid, unsigned long long since) {
    char host[65], boot[9];
    machine(host, boot);
    return pb_printf(a, "%s pid %ld started %llu boot %s", host, pid, since, boot);
}

pb_str owner_self(pb_arena *a) { return words(a, (long)getpid(), started((long)getpid())); }

bool owner_is_dead(pb_str owner) {
    char text[200], host[65], boot[9], said_host[65], said_boot[9];
    long pid;
    unsigned long long since;
    if (owner.n >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", PB_ARG(owner));
    if (sscanf(text, "%64s pid %ld started %llu boot %8s", said_host, &pid, &since, said_boot) != 4) return false;
    machine(host, boot);
    if (strcmp(host, said_host) != 0 || strcmp(boot, said_boot) != 0 || pid <= 0 || !since) return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) return true;
    unsigned long long now = started(pid);
    return now != 0 && now != since;
}
