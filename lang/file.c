/*
 * file.c - writing files whole or not at all (file.h): a temporary file in the same directory, fsync, rename, and fsync
 * of the directory, so that a crash at any moment leaves the old file or the new one.
 */
#include "lang/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_write_all(int fd, const char *data, size_t n) {
    while (n > 0) {
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        data += put;
        n -= (size_t)put;
    }
    return true;
}

static void sync_directory(const char *path) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

/* The owner is kept where that is allowed: root formats other people's files, too. */
static bool set_attributes(int fd, const struct stat *st) {
    if (!st) {
        mode_t mask = umask(0);
        umask(mask);
        return fchmod(fd, 0666 & ~mask) == 0;
    }
    if ((st->st_uid != geteuid() || st->st_gid != getegid()) && fchown(fd, st->st_uid, st->st_gid) != 0 &&
        fchown(fd, (uid_t)-1, st->st_gid) != 0 && errno != EPERM)
        return false;
    return fchmod(fd, st->st_mode & 07777) == 0;
}

bool file_replace(const char *path, const struct stat *st, pb_str head, const pb_buf *text) {
    char temp[PATH_MAX + 16];
    snprintf(temp, sizeof temp, "%s.XXXXXX", path);
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = file_write_all(fd, head.s, head.n) && file_write_all(fd, text->data, text->len) &&
              set_attributes(fd, st) && fsync(fd) == 0;
    if (close(fd) != 0) ok = false;
    if (ok && rename(temp, path) != 0) ok = false;
    int error = errno;
    if (ok)
        sync_directory(path);
    else
        unlink(temp);
    errno = error;
    return ok;
}
