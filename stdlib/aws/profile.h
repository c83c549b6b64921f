/*
 * profile.h - AWS's two shared files, ~/.aws/config and ~/.aws/credentials, read as AWS's own tools read them.
 */
#ifndef PB_AWS_PROFILE_H
#define PB_AWS_PROFILE_H

#include "lang/base.h"

enum { AWS_SHARED_FILE_MAX = 1 << 20 /* people write these by hand; a few KiB */ };

/* One "key = value"; nested ones ("s3 =" and indented lines below) have the lines as their value, from "\n" on. */
typedef struct aws_entry {
    struct aws_entry *next;
    pb_str key, value; /* key in small letters */
    uint32_t line;
} aws_entry;

typedef struct aws_section {
    struct aws_section *next;
    pb_str name; /* as it stands in the brackets */
    aws_entry *entries;
    uint32_t line;
} aws_section;

typedef struct aws_shared_file {
    pb_str path;
    bool found;
    aws_section *sections; /* in the file's order */
    aws_section defaults;  /* [DEFAULT] in capitals: entries that every section has */
} aws_shared_file;

typedef struct aws_profiles {
    pb_arena *arena;
    aws_shared_file config, credentials;
} aws_profiles;

/* What both files say of one profile. Where both have a key, the credentials file's counts. */
typedef struct aws_profile {
    const aws_profiles *all;
    pb_str name;
    const aws_section *config, *credentials; /* NULL: not in that file */
} aws_profile;

/* Reads both files; one that does not exist is empty. False: *why is "file:line: what is wrong" (.s NULL: out of
 * memory). The texts may hold keys: the arena is to be wiped. */
bool aws_profiles_read(pb_arena *a, pb_str config_path, pb_str credentials_path, aws_profiles *out, pb_str *why);
/* One file from memory; for tests and for the reader. */
bool aws_shared_file_parse(pb_arena *a, pb_str path, pb_str text, aws_shared_file *out, pb_str *why);

/* False: neither file has it. */
bool aws_profile_find(const aws_profiles *p, pb_str name, aws_profile *out);
/* The names of all profiles, "a, b, c", at most a line. */
pb_str aws_profile_names(pb_arena *a, const aws_profiles *p);
/* Empty when absent. */
pb_str aws_profile_get(const aws_profile *p, const char *key);
/* Of one file only. */
pb_str aws_section_get(const aws_shared_file *f, const aws_section *s, pb_str key);
/* A key below a nested one: aws_nested_get(value of "s3", "addressing_style"). */
pb_str aws_nested_get(pb_str nested, pb_str key);
/* A section of the config file such as [services NAME]; NULL: none. */
const aws_section *aws_section_find(const aws_profiles *p, const char *kind, pb_str name);
/* Where the profile has a key, for messages: "/root/.aws/config:12"; the section's line when it has it not. */
pb_str aws_profile_where(pb_arena *a, const aws_profile *p, const char *key);

/* Words of a command line by the shell's rules of quoting, nothing else of a shell; false: a quote is not closed, too
 * many words, or out of memory. argv ends with a NULL. */
bool aws_words(pb_arena *a, pb_str text, char **argv, uint32_t max, uint32_t *n);
/* The whole file, bounded. False: *why says what is wrong with it; *missing, when not NULL: it does not exist. */
bool aws_file_read(pb_arena *a, pb_str path, uint32_t max, pb_str *out, bool *missing, pb_str *why);
/* "~" and "~/..." from $HOME; .s NULL: out of memory. */
pb_str aws_home_path(pb_arena *a, pb_str path);

#endif
