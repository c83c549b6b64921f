/*
 * credentials.h - where the keys that sign AWS requests come from.
 *
 * The only source for now is the environment; the rest of AWS's chain (files, containers, instances, assumed roles)
 * goes behind this interface. Callers ask again for every request, so a source may renew what it gives.
 */
#ifndef PB_AWS_CREDENTIALS_H
#define PB_AWS_CREDENTIALS_H

#include "stdlib/aws/sigv4.h"

typedef struct aws_credentials aws_credentials;
aws_credentials *aws_credentials_new(void); /* NULL: out of memory */
/* Valid until the next call. False: *why says what to set. Never put any part of *out into a message. */
bool aws_credentials_get(aws_credentials *c, sigv4_credentials *out, const char **why);
void aws_credentials_free(aws_credentials *c); /* wipes them */

#endif
