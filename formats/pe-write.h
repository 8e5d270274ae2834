/*
 * Writing PE images: sections added to an image that has none of them, as a unified kernel image is made of systemd-stub, and
 * the place of a signature. Microsoft PE Format; UAPI Group Specifications, Unified Kernel Image; Windows Authenticode
 * Portable Executable Signature Format. The bytes are those of systemd's ukify 257.
 */
#ifndef FORMATS_PE_WRITE_H
#define FORMATS_PE_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

#define PE_WRITE_IMAGE_MAX (1u << 30) /* bytes of an image with its sections */

struct pe_write_section {
	const char *name; /* at most PE_NAME_SIZE bytes */
	const void *data; /* borrowed */
	size_t len;
	bool code; /* else initialized data; readable, both */
};

/*
 * Appends @image with @count sections behind its own, each in the file and in memory where the alignments of the image put it; one that
 * the image has already gets new contents, where they fit. -EBADMSG for a malformed image, -ENOTSUP for one that is signed, has a symbol table or
 * bytes behind its sections, -EFBIG when a section does not fit or the headers are full.
 */
int pe_write_sections(const void *image, size_t len, const struct pe_write_section *sections,
	size_t count, struct buf *ret, struct err *err) MUST_CHECK;

/* Takes NX_COMPAT from the image unless the PE image @inner, which it will start, has it too. */
int pe_write_match_nx(struct buf *image, const void *inner, size_t len, struct err *err) MUST_CHECK;

/* The Authenticode digest (SHA-256) of an image that is not signed and ends on 8 bytes. */
int pe_write_digest(
	const struct buf *image, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Appends the signature, a PKCS#7 in DER of @len bytes, and points the image's directory at it. */
int pe_write_signature(struct buf *image, const void *der, size_t len, struct err *err) MUST_CHECK;

#endif
