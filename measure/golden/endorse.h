/*
 * Signatures that carry a certificate: RSA-PSS with SHA-256 by the key of an X.509 certificate, the only form that GCE's
 * launch endorsements have. All else is signed by plain keys (sign.h).
 */
#ifndef MEASURE_GOLDEN_ENDORSE_H
#define MEASURE_GOLDEN_ENDORSE_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

#define ENDORSE_BITS_MIN 2048 /* of an RSA key */

/* Appends the DER form of the PEM certificate at @path, which must be of an RSA key: -EBADMSG, -ENOTSUP. */
int endorse_certificate(const char *path, struct buf *ret, struct err *err) MUST_CHECK;

/* Appends the signature of @n bytes by the PEM private key at @path; -EKEYREJECTED when @der is not its certificate. */
int endorse_sign(const char *path, const struct buf *der, const void *data, size_t n,
	struct buf *ret, struct err *err) MUST_CHECK;

#endif
