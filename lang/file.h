/*
 * file.h - writing files whole or not at all.
 */
#ifndef PB_FILE_H
#define PB_FILE_H

#include "lang/base.h"

struct stat;

/* All bytes to a descriptor; false with errno. */
bool file_write_all(int fd, const char *data, size_t n);
/* Puts head and then text in the place of `path`: written beside it, synced, renamed, so that a reader sees the old file or the whole
 * new one. Mode and owner are those of `st`, as far as that is allowed; NULL: a new file's. False with errno, the old file untouched. */
bool file_replace(const char *path, const struct stat *st, pb_str head, const pb_buf *text);

#endif
