/*
 * The UEFI variable store in a firmware image's configuration volume (CFV, NVRAM): authenticated
 * variables only, as OVMF keeps them. edk2 MdeModulePkg/Include/Guid/VariableFormat.h.
 */
#ifndef FORMATS_VARSTORE_H
#define FORMATS_VARSTORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/guid.h"

#define VARSTORE_MAX	  256 /* variables */
#define VARSTORE_NAME_MAX 64

struct varstore_variable {
	struct guid vendor;
	char name[VARSTORE_NAME_MAX]; /* ASCII; '?' for other characters */
	uint32_t attributes;
	const unsigned char *data; /* borrowed from the volume */
	size_t size_bytes;
};

/* The live variables, in the order in which they are stored. */
struct varstore {
	struct varstore_variable variables[VARSTORE_MAX];
	size_t count;
};

/* Parses the variable store in the @len bytes of @volume; -EBADMSG when it is damaged, -ENOTSUP
 * for another kind of store. */
int varstore_parse(
	const void *volume, size_t len, struct varstore *ret, struct err *err) MUST_CHECK;

/*
 * The same from a JSON document of version 2, as virt-fw-vars writes and QEMU's uefi-vars device
 * keeps it. The data are put into @storage, which must outlive @ret. -EBADMSG for a document of
 * another form, -ENOTSUP for another version.
 */
int varstore_json_parse(const void *text, size_t len, struct varstore *ret, struct buf *storage,
	struct err *err) MUST_CHECK;

/* The live variable of this name and vendor GUID (a literal that guid_parse takes), or NULL;
 * borrowed. */
const struct varstore_variable *varstore_find(
	const struct varstore *store, const char *name, const char *vendor);

#endif
