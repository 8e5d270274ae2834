/* SEV metadata: a table that passes the rules has aligned sections below the firmware of which no two share a page. */
#include "fuzz.h"

#include <stdlib.h>

#include "formats/sevmeta.h"

#define ROM_GPA 0xffc00000
#define PAGE	4096

static void check_section(const struct sevmeta *meta, size_t i)
{
	const struct sevmeta_section *section = &meta->sections[i];
	uint64_t end = (uint64_t)section->gpa + section->size_bytes;

	if (section->gpa % PAGE != 0 || end % PAGE != 0 || end > ROM_GPA)
		abort();
	for (size_t j = 0; j < meta->count; j++) {
		const struct sevmeta_section *other = &meta->sections[j];

		if (j == i || section->size_bytes == 0)
			continue;
		/* The first page of the one inside the other. */
		if (section->gpa >= other->gpa && section->gpa - other->gpa < other->size_bytes)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sevmeta meta;
	struct err err = {0};

	if (sevmeta_parse(data, size, 0, &meta, &err) != 0) {
		if (err.code >= 0 || err.msg[0] == '\0')
			abort();
		return 0;
	}
	if (meta.count > SEVMETA_SECTIONS_MAX || 16 + 12 * meta.count > size)
		abort();
	if (sevmeta_check(&meta, ROM_GPA, &err) != 0)
		return 0;
	for (size_t i = 0; i < meta.count; i++)
		check_section(&meta, i);
	return 0;
}
