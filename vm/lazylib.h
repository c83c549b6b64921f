/*
 * lazylib.h - a shared library that is opened when it is first needed.
 *
 * Loading libcurl and what it links takes about 3 ms, more than deciding that an event matches nothing. So such
 * libraries are opened with dlopen at first use. The functions come into a struct whose members have the types of
 * the official header, so that a call through it is checked by the compiler like an ordinary one:
 *
 *     typedef struct { __typeof__(curl_easy_init) *easy_init; ... } curl_api;
 *     static const lazy_symbol curl_symbols[] = { { "curl_easy_init", offsetof(curl_api, easy_init) }, ... };
 *
 * The library stays mapped until the process ends: closing one that has started threads is not safe.
 */
#ifndef PB_LAZYLIB_H
#define PB_LAZYLIB_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct lazy_symbol {
    const char *name;
    size_t offset; /* of the member in the struct */
} lazy_symbol;

/* Fills the struct at `api`. NULL when all is there, else the name of what is missing (the library or a function). */
static inline const char *lazy_open(const char *library, const lazy_symbol *symbols, size_t n, void *api) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return library;
    for (size_t i = 0; i < n; i++) {
        void *f = dlsym(handle, symbols[i].name);
        if (!f) return symbols[i].name;
        memcpy((char *)api + symbols[i].offset, &f,
               sizeof f); /* an object pointer cannot be cast to a function's in ISO C */
    }
    return NULL;
}

#endif
