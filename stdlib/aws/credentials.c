/*
 * credentials.c - AWS credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
 *
 * They are copied out of the environment at the first request and wiped when the client closes; the environment block
 * itself belongs to whoever started us. Nothing here ever prints a value: a message names variables only. White space
 * or control characters in a key (a pasted line end) would turn into an invalid header far from the cause, so they are
 * refused here by name.
 */
#include "stdlib/aws/credentials.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* AWS's session tokens are 300 to 2,000 bytes, sometimes more; 16 KiB is where HTTP servers stop reading headers. */
enum { KEY_MAX = 128, SECRET_MAX = 512, TOKEN_MAX = 16 << 10 };

struct aws_credentials {
    bool loaded;
    char access_key[KEY_MAX + 1], secret_key[SECRET_MAX + 1], token[TOKEN_MAX + 1];
};

aws_credentials *aws_credentials_new(void) { return calloc(1, sizeof(aws_credentials)); }

void aws_credentials_free(aws_credentials *c) {
    if (!c) return;
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

typedef enum load { LOAD_OK, LOAD_ABSENT, LOAD_BAD } load;

static load load_variable(const char *name, char *out, size_t max) {
    const char *v = getenv(name);
    size_t n = v ? strlen(v) : 0;
    if (n == 0) return LOAD_ABSENT;
    if (n > max) return LOAD_BAD;
    for (size_t i = 0; i < n; i++)
        if (v[i] <= ' ' || v[i] > '~') return LOAD_BAD;
    memcpy(out, v, n + 1);
    return LOAD_OK;
}

static const char *load_all(aws_credentials *c) {
    load key = load_variable("AWS_ACCESS_KEY_ID", c->access_key, KEY_MAX);
    load secret = load_variable("AWS_SECRET_ACCESS_KEY", c->secret_key, SECRET_MAX);
    load token = load_variable("AWS_SESSION_TOKEN", c->token, TOKEN_MAX);
    if (key == LOAD_BAD)
        return "AWS_ACCESS_KEY_ID holds white space or other characters that no access key has; set it again";
    if (secret == LOAD_BAD)
        return "AWS_SECRET_ACCESS_KEY holds white space or other characters that no key has; set it again";
    if (token == LOAD_BAD)
        return "AWS_SESSION_TOKEN holds white space or other characters that no token has; set it again";
    if (key == LOAD_OK && secret == LOAD_OK) return NULL;
    if (key == LOAD_OK) return "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not; set both";
    if (secret == LOAD_OK) return "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not; set both";
    if (getenv("AWS_PROFILE"))
        return "no AWS credentials: profiles (AWS_PROFILE) are not read by this version; set AWS_ACCESS_KEY_ID, "
               "AWS_SECRET_ACCESS_KEY and, for temporary ones, AWS_SESSION_TOKEN";
    return "no AWS credentials: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, "
           "AWS_SESSION_TOKEN";
}

bool aws_credentials_get(aws_credentials *c, sigv4_credentials *out, const char **why) {
    if (!c->loaded) {
        *why = load_all(c);
        if (*why) {
            OPENSSL_cleanse(c, sizeof *c);
            return false;
        }
        c->loaded = true;
    }
    *out = (sigv4_credentials){pb_str_c(c->access_key), pb_str_c(c->secret_key), pb_str_c(c->token)};
    return true;
}
