/* The GUID table of a firmware image and all that an AMD launch reads through it: what is accepted lies inside the image. */
#include "fuzz.h"

#include <stdlib.h>

#include "formats/ovmf.h"
#include "measure/amd/kernel-hashes.h"
#include "measure/amd/snp-image.h"

#define ROM_GPA 0xffc00000

static void check_table(const uint8_t *data, size_t size, const struct ovmf_table *table)
{
	uint32_t value;
	struct err err = {0};
	size_t at;

	if (table->count > OVMF_ENTRIES_MAX)
		abort();
	for (size_t i = 0; i < table->count; i++) {
		const struct ovmf_entry *entry = &table->entries[i];

		if (entry->offset > size || entry->size_bytes > size - entry->offset)
			abort();
		if (ovmf_entry_u32(data, size, entry, 4, "fuzz", &value, &err) == 0 &&
			entry->size_bytes < 4)
			abort();
		if (ovmf_entry_target(data, size, entry, "fuzz", &at, &err) == 0 && at >= size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ovmf_table table;
	struct snp_facts facts;
	struct err err = {0};

	if (ovmf_table_parse(data, size, &table, &err) == 0)
		check_table(data, size, &table);
	else if (err.code >= 0 || err.msg[0] == '\0')
		abort();
	if (snp_facts_parse(data, size, &facts, &err) != 0 ||
		snp_facts_check(&facts, ROM_GPA, &err) != 0)
		return 0;
	/* What the launch relies on when it writes the hash table into its page. */
	if (sevmeta_find(&facts.meta, SEVMETA_KERNEL_HASHES) != NULL && facts.hash_table_gpa != 0 &&
		facts.hash_table_gpa % SNP_PAGE_SIZE + KERNEL_HASHES_SIZE > SNP_PAGE_SIZE)
		abort();
	return 0;
}
