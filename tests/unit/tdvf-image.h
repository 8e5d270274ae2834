/*
 * A synthetic TDVF image for tests: sections whose data are a byte pattern, metadata, GUIDed footer
 * table. The layout is that of a real one, small.
 */
#ifndef TESTS_UNIT_TDVF_IMAGE_H
#define TESTS_UNIT_TDVF_IMAGE_H

#include <string.h>

#include "formats/ovmf.h"
#include "formats/tdvf.h"
#include "lib/guid.h"
#include "lib/wr.h"

#define TDVF_IMAGE_SIZE	    (7 * TDVF_PAGE)
#define TDVF_IMAGE_METADATA (TDVF_IMAGE_SIZE - 1024) /* offset of "TDVF" */

/* The usual six sections: BFV and CFV with data, memory for the rest. */
static const struct tdvf_section tdvf_image_sections[] = {
	{2 * TDVF_PAGE, 5 * TDVF_PAGE, 0xffffb000, 5 * TDVF_PAGE, TDVF_BFV, TDVF_MR_EXTEND},
	{0, 2 * TDVF_PAGE, 0xffff9000, 2 * TDVF_PAGE, TDVF_CFV, 0},
	{0, 0, 0x810000, 2 * TDVF_PAGE, TDVF_TEMP_MEM, 0},
	{0, 0, 0x80b000, 2 * TDVF_PAGE, TDVF_TEMP_MEM, 0},
	{0, 0, 0x809000, 2 * TDVF_PAGE, TDVF_TD_HOB, 0},
};
#define TDVF_IMAGE_SECTIONS (sizeof(tdvf_image_sections) / sizeof(tdvf_image_sections[0]))

static inline void tdvf_image_guid(struct wr *wr, const char *text)
{
	struct guid guid;

	if (!guid_parse(text, &guid))
		wr->bad = true;
	wr_bytes(wr, guid.bytes, GUID_SIZE);
}

/* Fills @image (TDVF_IMAGE_SIZE bytes) with a pattern, the footer table and the @count sections. */
static inline void tdvf_image_make(
	unsigned char *image, const struct tdvf_section *sections, size_t count)
{
	struct wr wr = wr_init(image, TDVF_IMAGE_SIZE);

	for (size_t i = 0; i < TDVF_IMAGE_SIZE; i++)
		image[i] = (unsigned char)(i * 7 + i / 251);
	wr_seek(&wr, TDVF_IMAGE_METADATA);
	wr_bytes(&wr, "TDVF", 4);
	wr_le32(&wr, (uint32_t)(16 + 32 * count));
	wr_le32(&wr, 1);
	wr_le32(&wr, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		wr_le32(&wr, sections[i].data_offset);
		wr_le32(&wr, sections[i].raw_size);
		wr_le64(&wr, sections[i].gpa);
		wr_le64(&wr, sections[i].mem_size);
		wr_le32(&wr, sections[i].type);
		wr_le32(&wr, sections[i].attributes);
	}
	wr_seek(&wr, TDVF_IMAGE_SIZE - 32 - 18 - 22);
	wr_le32(&wr, TDVF_IMAGE_SIZE - TDVF_IMAGE_METADATA);
	wr_le16(&wr, 22);
	tdvf_image_guid(&wr, OVMF_GUID_TDX_METADATA);
	wr_le16(&wr, 22 + 18);
	tdvf_image_guid(&wr, OVMF_GUID_FOOTER);
}

#endif
