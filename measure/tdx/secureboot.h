/* The Secure Boot state that a firmware image carries in its configuration volume, as its driver
 * will report it. */
#ifndef MEASURE_TDX_SECUREBOOT_H
#define MEASURE_TDX_SECUREBOOT_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/tdvf.h"
#include "formats/varstore.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/rtmr.h"

struct secureboot {
	bool built; /* the firmware has Secure Boot; without it the variables below do not exist */
	bool enabled; /* a platform key is enrolled, and nothing switches it off */
	struct varstore store;
	struct buf storage;  /* owned: of variables that do not come from the firmware image */
	bool outside;	     /* the VMM keeps the variables */
	size_t volume_bytes; /* of the configuration volume */
	unsigned char volume_sha384[SHA384_SIZE];
};

/* Accepts a zeroed state. */
void secureboot_done(struct secureboot *state);

/*
 * Reads the state from the CFV section of @image, which must outlive @ret. -ENOTSUP when there is no
 * single CFV section, or keys are stored in a firmware without Secure Boot.
 */
int secureboot_read(const struct generation *generation, const void *image, size_t len,
	const struct tdvf *tdvf, struct secureboot *ret, struct err *err) MUST_CHECK;

/*
 * Takes the variables from @file of @n bytes, which must outlive @state, in place of the image's: a
 * variable store of the CFV section's size is the whole section; a JSON document brings variables
 * that the VMM keeps outside. Errors as varstore_parse and varstore_json_parse; -EINVAL for a store
 * of another size.
 */
int secureboot_replace(
	struct secureboot *state, const void *file, size_t n, struct err *err) MUST_CHECK;

/* Extends @rtmr by the variables SecureBoot, PK, KEK, db, dbx and, when it is there, dbt. */
int secureboot_measure(
	const struct secureboot *state, struct rtmr *rtmr, struct err *err) MUST_CHECK;

/* Appends the UEFI_VARIABLE_DATA that events of a variable hold: vendor (a literal GUID), lengths,
 * the ASCII name in UTF-16 and the data. */
int secureboot_variable_event(const char *vendor, const char *name, const void *data, size_t n,
	struct buf *ret, struct err *err) MUST_CHECK;

#define SECUREBOOT_AUTHORITIES_MAX 64
#define SECUREBOOT_GUID_DB	   "d719b2cb-3d3a-4596-a3bc-dad00e67656f" /* vendor of db and dbx */
#define SECUREBOOT_GUID_SHIM	   "605dab50-e046-4300-abb6-3dd810dd8b23" /* of shim's variables */

/* The EV_EFI_VARIABLE_AUTHORITY events of one program, firmware or shim: it measures each once.
 * Start with zeros. */
struct secureboot_authorities {
	unsigned char digest[SECUREBOOT_AUTHORITIES_MAX][SHA384_SIZE];
	size_t count;
};

/* An entry of db: an EFI_SIGNATURE_DATA, which is the owner's GUID and a certificate or a digest.
 * Borrowed from the state's store. */
struct secureboot_authority {
	const unsigned char *data;
	size_t size_bytes;
};

#define SECUREBOOT_VOUCHERS_MAX 4 /* unsigned images are looked up by each digest */

/* The entries of db that let an image start, in the order in which they are measured. */
struct secureboot_vouchers {
	struct secureboot_authority entry[SECUREBOOT_VOUCHERS_MAX];
	size_t count;
};

/*
 * Finds what in db lets the PE @image of @len bytes start, as edk2's DxeImageVerificationLib does:
 * the first certificate that its signature chains to, or its digest. -EACCES when nothing does, or
 * dbx forbids it: the firmware refuses the image. -EBADMSG when it is no PE image.
 */
int secureboot_vouch(const struct secureboot *state, const void *image, size_t len,
	struct secureboot_vouchers *ret, struct err *err) MUST_CHECK;

/* Whether a signature of the PE @image is by the DER @certificate of @n bytes or by one that it
 * issued, and is of this image: what shim asks of its own certificate and of those in MokList. */
int secureboot_signed_by(const void *image, size_t len, const void *certificate, size_t n,
	bool *ret, struct err *err) MUST_CHECK;

/*
 * Extends @rtmr (RTMR0) by the EV_EFI_VARIABLE_AUTHORITY event of @n bytes of @data as the variable
 * @name (ASCII) of @vendor (a literal GUID), unless @seen holds it; adds it to @seen, which may be
 * NULL. For db entries, and for what shim measures itself: SbatLevel, MokListTrusted, MokListRT.
 */
int secureboot_measure_authority(struct secureboot_authorities *seen, const char *vendor,
	const char *name, const void *data, size_t n, struct rtmr *rtmr,
	struct err *err) MUST_CHECK;

/*
 * Extends @rtmr by what firmware measures before it starts the PE @image: the entries of db that
 * vouch for it; nothing without Secure Boot. Errors as secureboot_vouch.
 */
int secureboot_start_image(const struct secureboot *state, const void *image, size_t len,
	struct secureboot_authorities *seen, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
