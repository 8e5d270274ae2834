/* A synthetic variable store for tests: the volume header and a chain of authenticated
 * variables. */
#ifndef TESTS_UNIT_VARSTORE_IMAGE_H
#define TESTS_UNIT_VARSTORE_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "lib/guid.h"
#include "lib/wr.h"

#define VARSTORE_IMAGE_SIZE   4096
#define VARSTORE_IMAGE_STORE  72			  /* offset of the store's header */
#define VARSTORE_IMAGE_FIRST  (VARSTORE_IMAGE_STORE + 28) /* of the first variable */
#define VARSTORE_IMAGE_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define VARSTORE_IMAGE_DB     "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
#define VARSTORE_IMAGE_ENABLE "f0a30bc7-af08-4556-99c4-001009c93a44"

static inline void varstore_image_guid(struct wr *wr, const char *text)
{
	struct guid guid = {{0}};

	if (!guid_parse(text, &guid))
		abort();
	wr_bytes(wr, guid.bytes, GUID_SIZE);
}

/* Starts a store in VARSTORE_IMAGE_SIZE bytes at @image; variables are added at the returned
 * writer. */
static inline struct wr varstore_image_begin(unsigned char *image)
{
	struct wr wr = wr_init(image, VARSTORE_IMAGE_SIZE);

	memset(image + VARSTORE_IMAGE_FIRST, 0xff, VARSTORE_IMAGE_SIZE - VARSTORE_IMAGE_FIRST);
	wr_seek(&wr, 32);
	wr_le64(&wr, VARSTORE_IMAGE_SIZE);
	wr_bytes(&wr, "_FVH", 4);
	wr_seek(&wr, 48);
	wr_le16(&wr, VARSTORE_IMAGE_STORE);
	wr_seek(&wr, VARSTORE_IMAGE_STORE);
	varstore_image_guid(&wr, "aaf32c78-947b-439a-a180-2e144ec37792");
	wr_le32(&wr, VARSTORE_IMAGE_SIZE - VARSTORE_IMAGE_STORE);
	wr_u8(&wr, 0x5a);
	wr_u8(&wr, 0xfe);
	wr_seek(&wr, VARSTORE_IMAGE_FIRST);
	return wr;
}

static inline void varstore_image_add(struct wr *wr, const char *vendor, const char *name,
	unsigned state, const void *data, size_t n)
{
	size_t length = strlen(name) + 1;

	wr_le16(wr, 0x55aa);
	wr_u8(wr, (uint8_t)state);
	wr_u8(wr, 0);
	wr_le32(wr, 7);
	wr_fill(wr, 0, 28);
	wr_le32(wr, (uint32_t)(2 * length));
	wr_le32(wr, (uint32_t)n);
	varstore_image_guid(wr, vendor);
	for (size_t i = 0; i < length; i++)
		wr_le16(wr, (unsigned char)name[i]);
	wr_bytes(wr, data, n);
	while (wr->pos % 4 != 0)
		wr_u8(wr, 0xff);
}

#endif
