/*
 * load.c - from paths to trees: built-in sources, files, directories, standard input, imports.
 *
 * A file is identified by what it is (device and inode), not by how it was named, so a file that is reached twice is
 * read once. An import is a path from the project's root; where it really leads (symbolic links followed) must lie
 * below that root. Circles of imports are looked for when everything has been read, without recursion, since how deep
 * imports go is the input's choice.
 */
#include "lang/load.h"
#include "lang/compile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIR_MAX_DEPTH = 64 /* directories below one another: deeper is a mistake, and the walk recurses */ };

typedef struct loaded { /* beside each file of the set */
    dev_t dev;
    ino_t ino;
    bool known; /* dev and ino are set: it is a file on disk */
    ast_file *tree;
    const char *real; /* its directory's real path; NULL: imports cannot be resolved */
    uint8_t state;    /* of the search for circles: 0 new, 1 on the path, 2 done */
} loaded;

typedef struct loader {
    pb_arena *a;
    diag_list *diags;
    ast_program *p;
    ast_file *last;
    loaded *files; /* one per file of the set */
    uint32_t cap;
    char cwd[PATH_MAX];
    const source_overlay *overlays;
    size_t noverlays;
    bool oom;
} loader;

static uint32_t fail(loader *l) {
    l->oom = true;
    return UINT32_MAX;
}

/* ---- adding a text ---- */

static bool loader_room(loader *l, uint32_t index) {
    if (index < l->cap) return true;
    uint32_t cap = l->cap ? l->cap * 2 : 16;
    loaded *more = pb_alloc_array(l->a, cap, sizeof *more);
    if (!more) return false;
    if (l->cap) memcpy(more, l->files, l->cap * sizeof *more);
    l->files = more;
    l->cap = cap;
    return true;
}

/* Adds a text to the set and parses it. Its index, UINT32_MAX when out of memory. */
static uint32_t add_text(loader *l, pb_str path, const char *text, size_t size, bool builtin) {
    uint32_t index = source_add(l->p->sources, l->diags, path, text, size, builtin);
    ast_file *tree = pb_alloc(l->a, sizeof *tree);
    if (index == UINT32_MAX || !tree || !loader_room(l, index)) return fail(l);
    l->files[index] = (loaded){.tree = tree};
    if (!parse_file(l->a, l->diags, l->p->sources, index, tree)) return fail(l);
    if (l->last)
        l->last->next = tree;
    else
        l->p->files = tree;
    l->last = tree;
    return index;
}

/* A file that has no text because it could not be read: messages need a path. */
static pb_span nowhere(loader *l, const char *path) {
    uint32_t index = source_add(l->p->sources, l->diags, pb_strdup(l->a, path, strlen(path)), "", 0, false);
    if (index == UINT32_MAX || !loader_room(l, index)) return (pb_span){fail(l), 0, 0};
    l->files[index] = (loaded){0};
    return (pb_span){index, 0, 0};
}

/* ---- reading a file ---- */

/* Reads fd to its end or to one byte beyond the limit, into malloc'ed memory. -1: errno says why. */
static ssize_t read_all(int fd, char **out) {
    size_t cap = 16384, n = 0;
    char *text = malloc(cap);
    while (text && n <= SOURCE_MAX_BYTES) {
        if (n == cap) {
            char *more = realloc(text, cap *= 2);
            if (!more) break;
            text = more;
        }
        ssize_t got = read(fd, text + n, cap - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(text);
            return -1;
        }
        if (got == 0) {
            *out = text;
            return (ssize_t)n;
        }
        n += (size_t)got;
    }
    errno = text && n > SOURCE_MAX_BYTES ? EFBIG : ENOMEM;
    free(text);
    return -1;
}

static const char *reason(int error) {
    return error == EFBIG ? "it is larger than 1 MiB" : error == EISDIR ? "it is a directory" : strerror(error);
}

static uint32_t find_loaded(const loader *l, const struct stat *st) {
    for (uint32_t i = 0; i < l->p->sources->count; i++)
        if (l->files[i].known && l->files[i].dev == st->st_dev && l->files[i].ino == st->st_ino) return i;
    return UINT32_MAX;
}

static const char *real_directory(loader *l, const char *path) {
    char real[PATH_MAX];
    if (!realpath(path, real)) return NULL;
    char *slash = strrchr(real, '/');
    if (!slash) return NULL;
    pb_str dir = pb_strdup(l->a, real, slash == real ? 1 : (size_t)(slash - real));
    if (!dir.s) fail(l);
    return dir.s;
}

static const source_overlay *overlay_of(const loader *l, const char *path) {
    char real[PATH_MAX];
    if (!l->noverlays || !path) return NULL;
    const char *name = realpath(path, real) ? real : path;
    for (size_t i = 0; i < l->noverlays; i++)
        if (strcmp(l->overlays[i].path, name) == 0) return &l->overlays[i];
    return NULL;
}

static uint32_t load_fd(loader *l, int fd, const char *shown, const char *path, const struct stat *st) {
    const source_overlay *o = overlay_of(l, path);
    char *text = NULL;
    ssize_t n = o ? (ssize_t)o->size : read_all(fd, &text);
    if (n < 0) return UINT32_MAX;
    errno = 0;
    uint32_t index = add_text(l, pb_strdup(l->a, shown, strlen(shown)), o ? o->text : text, (size_t)n, false);
    free(text);
    if (index == UINT32_MAX) return index;
    loaded *f = &l->files[index];
    f->dev = st->st_dev, f->ino = st->st_ino;
    f->known = S_ISREG(st->st_mode);
    f->real = path ? real_directory(l, path) : l->cwd;
    return index;
}

/* A file that is not there yet. Its folder may be. */
static uint32_t load_unsaved(loader *l, const char *shown, const source_overlay *o) {
    const char *slash = strrchr(o->path, '/');
    pb_str dir = pb_strdup(l->a, o->path, slash && slash != o->path ? (size_t)(slash - o->path) : 1);
    uint32_t index = add_text(l, pb_strdup(l->a, shown, strlen(shown)), o->text, o->size, false);
    if (index != UINT32_MAX) l->files[index].real = dir.s;
    return index;
}

/* Reads and parses a file, or finds it when it was read already. UINT32_MAX: errno says why (0: out of memory). */
static uint32_t load_file(loader *l, const char *shown, const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        int why = errno;
        const source_overlay *o = overlay_of(l, path);
        errno = why;
        return o ? load_unsaved(l, shown, o) : UINT32_MAX;
    }
    uint32_t index = UINT32_MAX;
    if (fstat(fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            errno = EISDIR;
        else if ((index = find_loaded(l, &st)) == UINT32_MAX)
            index = load_fd(l, fd, shown, path, &st);
    }
    int error = errno;
    close(fd);
    errno = error;
    return index;
}

static bool is_full(const loader *l) { return l->p->sources->count >= SOURCE_MAX_FILES; }
static void too_many(loader *l, pb_span span) {
    diag_add(l->diags, DIAG_TOO_MANY_FILES, span, "more than %d files in one compile", SOURCE_MAX_FILES);
}

/* ---- paths of the command line ---- */

static void cannot_read(loader *l, const char *path, int error) {
    if (l->oom) return;
    diag *d = diag_add(l->diags, DIAG_FILE_READ, nowhere(l, path), "cannot read `%s`: %s", path, reason(error));
    if (error == ENOENT) d->hint = PB_STR("is the path spelt right, and seen from this directory?");
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool ends_with_pb(const char *name) {
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".pb") == 0;
}

/* The entries of a directory that matter, sorted, malloc'ed. -1: errno. */
static ssize_t list_directory(const char *path, char ***out) {
    DIR *dir = opendir(path);
    if (!dir) return -1;
    size_t n = 0, cap = 0;
    char **names = NULL;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        if (n == cap) {
            char **more = realloc(names, (cap = cap ? cap * 2 : 32) * sizeof *names);
            if (!more) break;
            names = more;
        }
        if (!(names[n] = strdup(e->d_name))) break;
        n++;
    }
    closedir(dir);
    if (n) qsort(names, n, sizeof *names, by_name);
    *out = names;
    return (ssize_t)n;
}

typedef struct dir_step {
    struct dir_step *up;
    dev_t dev;
    ino_t ino;
    int depth;
} dir_step;

static uint32_t load_directory(loader *l, const char *path, const dir_step *up);

static uint32_t load_entry(loader *l, const char *path, const dir_step *here) {
    struct stat st;
    if (stat(path, &st) != 0) return 0; /* a dangling link */
    if (S_ISDIR(st.st_mode)) return load_directory(l, path, here);
    if (!S_ISREG(st.st_mode) || !ends_with_pb(path)) return 0;
    if (is_full(l)) return 1; /* reported at the end */
    if (load_file(l, path, path) == UINT32_MAX) cannot_read(l, path, errno);
    return 1;
}

/* Every *.pb below path; how many there are. A directory that holds itself through a link is entered once. */
static uint32_t load_directory(loader *l, const char *path, const dir_step *up) {
    struct stat st;
    if (stat(path, &st) != 0) return 0;
    for (const dir_step *s = up; s; s = s->up)
        if (s->dev == st.st_dev && s->ino == st.st_ino) return 0;
    dir_step here = {(dir_step *)(uintptr_t)up, st.st_dev, st.st_ino, up ? up->depth + 1 : 1};
    char **names = NULL;
    ssize_t n = here.depth > DIR_MAX_DEPTH ? (errno = ELOOP, -1) : list_directory(path, &names);
    if (n < 0) cannot_read(l, path, errno);
    uint32_t found = n < 0;
    const char *slash = path[0] && path[strlen(path) - 1] == '/' ? "" : "/";
    for (ssize_t i = 0; i < n; i++) {
        char full[PATH_MAX];
        bool plain = strcmp(path, ".") == 0;
        int len = snprintf(full, sizeof full, "%s%s%s", plain ? "" : path, plain ? "" : slash, names[i]);
        if (!l->oom && len > 0 && (size_t)len < sizeof full) found += load_entry(l, full, &here);
        free(names[i]);
    }
    free(names);
    return found;
}

static void load_path(loader *l, const char *path) {
    struct stat st = {0};
    if (strcmp(path, "-") == 0) {
        if (fstat(0, &st) != 0 || load_fd(l, 0, "<stdin>", NULL, &st) == UINT32_MAX) cannot_read(l, "<stdin>", errno);
    } else if (stat(path, &st) != 0 && !overlay_of(l, path)) {
        cannot_read(l, path, errno);
    } else if (S_ISDIR(st.st_mode)) {
        if (load_directory(l, path, NULL) == 0 && !l->oom)
            diag_add(l->diags, DIAG_NO_SOURCES, nowhere(l, path), "no playbook files (*.pb) in `%s`", path);
    } else if (load_file(l, path, path) == UINT32_MAX) {
        cannot_read(l, path, errno);
    }
}

/* ---- imports ---- */

/* The project's root for a file in dir: the closest directory at or above it with .git or pb.root, else dir. */
static void find_root(const char *dir, char root[PATH_MAX]) {
    static const char *const marks[] = {".git", "pb.root"};
    snprintf(root, PATH_MAX, "%s", dir);
    for (;;) {
        for (size_t i = 0; i < 2; i++) {
            char mark[PATH_MAX + 16];
            snprintf(mark, sizeof mark, "%s/%s", root, marks[i]);
            if (access(mark, F_OK) == 0) return;
        }
        char *slash = strrchr(root, '/');
        if (!slash || slash == root) break;
        *slash = 0;
    }
    snprintf(root, PATH_MAX, "%s", dir);
}

static bool is_below(const char *path, const char *root) {
    size_t n = strlen(root);
    if (strcmp(root, "/") == 0) return true;
    return strncmp(path, root, n) == 0 && path[n] == '/';
}

static bool climbs(const char *path) {
    for (const char *p = path; p && *p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0)) return true;
        if (!*p) break;
    }
    return path[0] == '/';
}

/* As the user would name it: relative to the working directory when it lies below. */
static const char *shown_path(const loader *l, const char *full) {
    return is_below(full, l->cwd) && l->cwd[1] ? full + strlen(l->cwd) + 1 : full;
}

static void import_missing(loader *l, const ast_decl *d, const char *dir, const char *root, int error) {
    diag *m = diag_add(l->diags, DIAG_IMPORT_MISSING, d->string_span, "cannot read the imported file `%.*s`: %s",
                       PB_ARG(d->string), reason(error));
    char near[PATH_MAX * 2];
    snprintf(near, sizeof near, "%s/%.*s", dir, PB_ARG(d->string));
    if (error == ENOENT && access(near, R_OK) == 0 && is_below(near, root) && strcmp(dir, root) != 0)
        m->hint = pb_printf(l->a, "paths start at the project's root: import \"%s\"", near + strlen(root) + 1);
    else
        m->hint = pb_printf(l->a, "paths start at the project's root, %s", root);
}

/* The file that an import names; UINT32_MAX: a message says why not. */
static uint32_t resolve(loader *l, uint32_t from, const ast_decl *d) {
    const char *dir = l->files[from].real;
    char root[PATH_MAX], path[PATH_MAX * 2], real[PATH_MAX];
    if (!dir) {
        diag_add(l->diags, DIAG_IMPORT_NOT_HERE, d->string_span, "an import is only possible in a file of a project");
        return UINT32_MAX;
    }
    find_root(dir, root);
    if (memchr(d->string.s, 0, d->string.n) || d->string.n == 0 || d->string.n >= PATH_MAX) {
        diag_add(l->diags, DIAG_IMPORT_MISSING, d->string_span, "this is not a file's path");
        return UINT32_MAX;
    }
    snprintf(path, sizeof path, "%s/%.*s", strcmp(root, "/") ? root : "", PB_ARG(d->string));
    bool outside = climbs(d->string.s);
    if (!outside && !realpath(path, real)) {
        import_missing(l, d, dir, root, errno);
        return UINT32_MAX;
    }
    if (outside || !is_below(real, root)) {
        diag *m = diag_add(l->diags, DIAG_IMPORT_OUTSIDE, d->string_span, "import from outside the project: `%.*s`",
                           PB_ARG(d->string));
        m->hint = pb_printf(l->a, "the project's root is %s; paths start there and stay below it", root);
        return UINT32_MAX;
    }
    if (is_full(l)) {
        too_many(l, d->string_span);
        return UINT32_MAX;
    }
    pb_str shown = pb_printf(l->a, "%s", shown_path(l, real));
    if (!shown.s) return fail(l);
    uint32_t index = load_file(l, shown.s, real);
    if (index == UINT32_MAX && !l->oom) import_missing(l, d, dir, root, errno);
    return index;
}

static void follow_imports(loader *l, uint32_t from) {
    ast_file *f = l->files[from].tree;
    ast_import **tail = f ? &f->imports : NULL;
    for (ast_decl *d = f ? f->decls : NULL; d && !l->oom; d = d->next) {
        if (d->kind != DECL_IMPORT || !d->string.s) continue;
        ast_import *i = pb_alloc(l->a, sizeof *i);
        if (!i) {
            fail(l);
            return;
        }
        i->decl = d;
        d->index = resolve(l, from, d);
        i->target = d->index == UINT32_MAX ? NULL : l->files[d->index].tree;
        *tail = i;
        tail = &i->next;
    }
}

/* ---- circles ---- */

typedef struct step {
    uint32_t file;
    const ast_import *next;
} step;

static void report_circle(loader *l, const step *path, uint32_t n, const ast_import *closing) {
    uint32_t first = n;
    while (first > 0 && path[first - 1].file != closing->decl->index) first--;
    if (first == 0) return;
    const source_file *files = l->p->sources->files;
    pb_str s = {"", 0};
    for (uint32_t i = first - 1; i < n && s.s; i++)
        s = pb_printf(l->a, "%.*s%.*s → ", PB_ARG(s), PB_ARG(files[path[i].file].path));
    if (!s.s) {
        fail(l);
        return;
    }
    diag *d =
        diag_add(l->diags, DIAG_IMPORT_CYCLE, closing->decl->string_span,
                 "files import each other in a circle: %.*s%.*s", PB_ARG(s), PB_ARG(files[closing->decl->index].path));
    d->hint = PB_STR("put what they share into a file of its own that both import");
}

/* Depth first from one file, with a path of our own. Every import that leads back onto the path closes a circle. */
static void find_circles(loader *l, uint32_t start, step *path) {
    uint32_t n = 0;
    if (l->files[start].state || !l->files[start].tree) return;
    path[n++] = (step){start, l->files[start].tree->imports};
    l->files[start].state = 1;
    while (n > 0) {
        const ast_import *i = path[n - 1].next;
        if (!i) {
            l->files[path[--n].file].state = 2;
            continue;
        }
        path[n - 1].next = i->next;
        if (!i->target) continue;
        loaded *t = &l->files[i->decl->index];
        if (t->state == 1) report_circle(l, path, n, i);
        if (t->state) continue;
        t->state = 1;
        path[n++] = (step){i->decl->index, t->tree->imports};
    }
}

/* ---- all ---- */

static bool loader_begin(loader *l, pb_arena *a, diag_list *diags) {
    *l = (loader){.a = a, .diags = diags};
    l->p = pb_alloc(a, sizeof *l->p);
    if (!l->p) return false;
    l->p->arena = a;
    l->p->sources = pb_alloc(a, sizeof *l->p->sources);
    if (!l->p->sources) return false;
    l->p->sources->arena = a;
    if (!getcwd(l->cwd, sizeof l->cwd)) strcpy(l->cwd, "/");
    return true;
}

static void add_builtins(loader *l, const builtin_source *builtins, size_t n) {
    for (size_t i = 0; i < n && !l->oom; i++)
        add_text(l, pb_str_c(builtins[i].path), builtins[i].text, builtins[i].size, true);
}

static ast_program *loader_end(loader *l) {
    uint32_t n = l->p->sources->count;
    step *path = l->oom ? NULL : pb_alloc_array(l->a, n ? n : 1, sizeof *path);
    for (uint32_t i = 0; path && i < n; i++) find_circles(l, i, path);
    return l->oom || !path || pb_arena_failed(l->a) ? NULL : l->p;
}

static void load_paths(loader *l, const char *const *paths, size_t n) {
    for (size_t i = 0; i < n && !l->oom; i++) {
        load_path(l, paths[i]);
        if (!is_full(l)) continue;
        too_many(l, nowhere(l, paths[i]));
        break;
    }
}

ast_program *parse_program(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                           const char *const *paths, size_t npaths) {
    return parse_overlaid(a, diags, builtins, nbuiltins, paths, npaths, NULL, 0);
}

ast_program *parse_overlaid(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                            const char *const *paths, size_t npaths, const source_overlay *overlays, size_t noverlays) {
    loader l;
    if (!loader_begin(&l, a, diags)) return NULL;
    l.overlays = overlays;
    l.noverlays = noverlays;
    add_builtins(&l, builtins, nbuiltins);
    load_paths(&l, paths, npaths);
    /* Files that are found on the way are added behind, so this reaches them all. */
    for (uint32_t i = 0; !l.oom && i < l.p->sources->count; i++) follow_imports(&l, i);
    return loader_end(&l);
}

ast_program *parse_paths(pb_arena *a, diag_list *diags, const char *const *paths, size_t npaths) {
    loader l;
    if (!loader_begin(&l, a, diags)) return NULL;
    load_paths(&l, paths, npaths);
    return loader_end(&l);
}

ast_program *parse_text(pb_arena *a, diag_list *diags, const builtin_source *builtins, size_t nbuiltins,
                        const char *path, const char *text, size_t size) {
    loader l;
    if (!loader_begin(&l, a, diags)) return NULL;
    add_builtins(&l, builtins, nbuiltins);
    if (!l.oom) add_text(&l, pb_str_c(path), text, size, false);
    for (uint32_t i = 0; !l.oom && i < l.p->sources->count; i++) follow_imports(&l, i);
    return loader_end(&l);
}
