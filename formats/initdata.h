/*
 * Initdata: the TOML document that configures a confidential guest from outside and is bound to it by digest.
 * Confidential Containers, Trustee kbs/docs/initdata.md, version 0.1.0; Kata's kata-types/src/initdata.rs.
 *
 *   version = "0.1.0"
 *   algorithm = "sha256" | "sha384" | "sha512"
 *   [data]
 *   "aa.toml" = "..."      any keys, strings only
 *
 * The digest is over the document's raw bytes, comments and white space included; it stands in HOST_DATA on SNP, in
 * MRCONFIGID on TDX, truncated or filled with zeros at its end. It travels as an annotation, base64(gzip(document)), or
 * as a block device:
 *
 *   off  size  field
 *     0     8  "initdata"
 *     8     8  bytes of gzip data, little-endian
 *    16     -  gzip data, then zeros up to a multiple of 512
 */
#ifndef FORMATS_INITDATA_H
#define FORMATS_INITDATA_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

#define INITDATA_VERSION	"0.1.0"
#define INITDATA_ANNOTATION	"io.katacontainers.config.hypervisor.cc_init_data"
#define INITDATA_POLICY		"policy.rego"
#define INITDATA_ENTRIES_MAX	256
/* Of a document. Kubernetes takes 256 KiB of annotations a pod, so that an annotation's is smaller. */
#define INITDATA_BYTES_MAX	(16u << 20)
#define INITDATA_ANNOTATION_MAX (256u << 10)
/* The longest digest field (SE's user data). */
#define INITDATA_DIGEST_MAX	256

/* Where the digest goes, and so how long it is. */
enum initdata_platform {
	INITDATA_SNP, /* HOST_DATA, 32 bytes */
	INITDATA_TDX, /* MRCONFIGID, 48 */
	INITDATA_CCA, /* 64 */
	INITDATA_SE,  /* user data, 256 */
	INITDATA_PLATFORMS,
};

struct initdata_entry {
	char *key, *value; /* owned, NUL-terminated */
};

/* A zeroed one may be passed to initdata_done. */
struct initdata {
	enum digest_alg algorithm;
	struct initdata_entry *entries; /* owned, sorted by key */
	size_t count;
};

void initdata_done(struct initdata *initdata);
#define INITDATA_AUTO __attribute__((cleanup(initdata_done))) struct initdata

/* Reads a document strictly: nothing but the three keys above. @what names it in errors. */
int initdata_parse(const void *text, size_t len, const char *what, struct initdata *ret,
	struct err *err) MUST_CHECK;

/* Adds or replaces an entry. -EBADMSG for a value that TOML cannot hold (NUL, not UTF-8) or an empty key. */
int initdata_set(struct initdata *initdata, const char *key, const char *value, size_t value_len,
	struct err *err) MUST_CHECK;

/* The value of @key; NULL when there is none. */
const char *initdata_get(const struct initdata *initdata, const char *key);

/* Appends the document in the one form that we write: keys sorted, texts of several lines as TOML's literal ones where
 * they can be. */
int initdata_write(const struct initdata *initdata, struct buf *ret, struct err *err) MUST_CHECK;

const char *initdata_platform_name(enum initdata_platform platform); /* "snp", ... */
size_t initdata_digest_size(enum initdata_platform platform);

/* The digest of the raw document as it stands on @platform: initdata_digest_size() bytes to @ret. */
int initdata_digest(const void *text, size_t len, enum digest_alg algorithm,
	enum initdata_platform platform, unsigned char ret[INITDATA_DIGEST_MAX],
	struct err *err) MUST_CHECK;

/* Appends the annotation's value; -EFBIG when Kubernetes would not take it. */
int initdata_annotation_write(
	const void *text, size_t len, struct buf *ret, struct err *err) MUST_CHECK;

/* Appends the raw document of an annotation's value. */
int initdata_annotation_read(const char *text, size_t len, const char *what, struct buf *ret,
	struct err *err) MUST_CHECK;

/* Appends the block device. */
int initdata_image_write(const void *text, size_t len, struct buf *ret, struct err *err) MUST_CHECK;

/* Appends the raw document of a block device; zeros to its end are allowed. */
int initdata_image_read(const void *image, size_t len, const char *what, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
