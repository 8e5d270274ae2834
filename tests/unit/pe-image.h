/* A synthetic PE32+ image for tests: two sections whose headers stand in the wrong order, a tail,
 * room for certificates. */
#ifndef TESTS_UNIT_PE_IMAGE_H
#define TESTS_UNIT_PE_IMAGE_H

#include <string.h>

#include "lib/wr.h"

#define PE_IMAGE_SIZE	  0x1000
#define PE_IMAGE_PE	  0x80			   /* offset of "PE\0\0" */
#define PE_IMAGE_OPTIONAL (PE_IMAGE_PE + 24)	   /* of the optional header */
#define PE_IMAGE_CHECKSUM (PE_IMAGE_OPTIONAL + 64) /* of CheckSum */
#define PE_IMAGE_CERTS	  (PE_IMAGE_OPTIONAL + 112 + 4 * 8)
#define PE_IMAGE_SECTIONS (PE_IMAGE_OPTIONAL + 112 + 16 * 8)
#define PE_IMAGE_HEADERS  0x400
#define PE_IMAGE_TAIL	  0xa00 /* where the sections end */

static inline void pe_image_section(struct wr *wr, const char *name, uint32_t offset, uint32_t size)
{
	size_t start = wr->pos;

	wr_bytes(wr, name, strlen(name));
	wr_seek(wr, start + 8);
	wr_le32(wr, size);
	wr_le32(wr, 0x1000 + offset);
	wr_le32(wr, size);
	wr_le32(wr, offset);
	wr_seek(wr, start + 40);
}

/* Fills @image (PE_IMAGE_SIZE bytes). */
static inline void pe_image_make(unsigned char *image)
{
	struct wr wr = wr_init(image, PE_IMAGE_SIZE);

	for (size_t i = PE_IMAGE_HEADERS; i < PE_IMAGE_SIZE; i++)
		image[i] = (unsigned char)(i * 13 + i / 256);
	wr_bytes(&wr, "MZ", 2);
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, PE_IMAGE_PE);
	wr_seek(&wr, PE_IMAGE_PE);
	wr_bytes(&wr, "PE\0\0", 4);
	wr_le16(&wr, 0x8664);
	wr_le16(&wr, 2); /* sections */
	wr_seek(&wr, PE_IMAGE_PE + 20);
	wr_le16(&wr, 112 + 16 * 8); /* optional header */
	wr_seek(&wr, PE_IMAGE_OPTIONAL);
	wr_le16(&wr, 0x20b);
	wr_seek(&wr, PE_IMAGE_OPTIONAL + 56);
	wr_le32(&wr, 0x4000); /* SizeOfImage */
	wr_le32(&wr, PE_IMAGE_HEADERS);
	wr_le32(&wr, 0xdeadbeef); /* CheckSum */
	wr_le16(&wr, 10);	  /* EFI application */
	wr_seek(&wr, PE_IMAGE_OPTIONAL + 108);
	wr_le32(&wr, 16);
	wr_seek(&wr, PE_IMAGE_SECTIONS);
	pe_image_section(&wr, ".late", 0x800, 0x200);
	pe_image_section(&wr, ".early", 0x400, 0x400);
}

#endif
