/* A synthetic firmware image for tests: patterned bytes, a GUID table, SEV metadata; good, or bad in one way. */
#ifndef TESTS_UNIT_FAKE_OVMF_H
#define TESTS_UNIT_FAKE_OVMF_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/ovmf.h"
#include "formats/sevmeta.h"
#include "lib/guid.h"

#define FAKE_METADATA_BACK 0x400 /* the metadata's offset from the end */

struct fake_ovmf {
	size_t size_bytes;
	struct sevmeta meta;
	uint32_t meta_count; /* what the metadata claims; 0: the truth */
	uint32_t reset_eip;
	uint32_t hash_gpa, hash_size;
	bool no_metadata, no_reset, no_hashes;
};

static inline void fake_le32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

/* Writes data || u16 || GUID so that it ends at @at; returns where it starts. */
static inline unsigned char *fake_entry(
	unsigned char *at, const char *guid, const uint32_t *words, size_t count)
{
	size_t size = 4 * count + 18;
	struct guid parsed;

	if (!guid_parse(guid, &parsed))
		abort();
	memcpy(at - GUID_SIZE, parsed.bytes, GUID_SIZE);
	at[-18] = (unsigned char)size;
	at[-17] = 0;
	for (size_t i = 0; i < count; i++)
		fake_le32(at - size + 4 * i, words[i]);
	return at - size;
}

static inline void fake_metadata(const struct fake_ovmf *fake, unsigned char *at)
{
	uint32_t count = (uint32_t)fake->meta.count;

	memcpy(at, "ASEV", 4);
	fake_le32(at + 4, 16 + 12 * count);
	fake_le32(at + 8, 1);
	fake_le32(at + 12, fake->meta_count != 0 ? fake->meta_count : count);
	for (uint32_t i = 0; i < count; i++) {
		fake_le32(at + 16 + 12 * i, fake->meta.sections[i].gpa);
		fake_le32(at + 20 + 12 * i, fake->meta.sections[i].size_bytes);
		fake_le32(at + 24 + 12 * i, fake->meta.sections[i].type);
	}
}

/* Fills the @fake->size_bytes at @image. */
static inline void fake_ovmf_write(const struct fake_ovmf *fake, unsigned char *image)
{
	const uint32_t back[] = {FAKE_METADATA_BACK};
	const uint32_t hashes[] = {fake->hash_gpa, fake->hash_size};
	unsigned char *end = image + fake->size_bytes - 32;
	unsigned char *at = end - 18;
	uint16_t total;

	for (size_t i = 0; i < fake->size_bytes; i++)
		image[i] = (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
	fake_metadata(fake, image + fake->size_bytes - FAKE_METADATA_BACK);
	if (!fake->no_reset)
		at = fake_entry(at, OVMF_GUID_SEV_RESET, &fake->reset_eip, 1);
	if (!fake->no_hashes)
		at = fake_entry(at, OVMF_GUID_SEV_HASHES, hashes, 2);
	if (!fake->no_metadata)
		at = fake_entry(at, OVMF_GUID_SEV_METADATA, back, 1);
	total = (uint16_t)(end - at);
	fake_entry(end, OVMF_GUID_FOOTER, NULL, 0);
	end[-18] = (unsigned char)total;
	end[-17] = (unsigned char)(total >> 8);
}

/* A good AmdSev-like image of 64 KiB. */
static inline struct fake_ovmf fake_ovmf_good(void)
{
	return (struct fake_ovmf){
		.size_bytes = 0x10000,
		.meta = {.count = 6,
			.sections = {{0x800000, 0x9000, SEVMETA_SEC_MEM},
				{0x80d000, 0x1000, SEVMETA_SECRETS},
				{0x80e000, 0x1000, SEVMETA_CPUID},
				{0x80f000, 0x1000, SEVMETA_SVSM_CAA},
				{0x811000, 0x3000, SEVMETA_SEC_MEM},
				{0x810000, 0x1000, SEVMETA_KERNEL_HASHES}}},
		.reset_eip = 0x80b004,
		.hash_gpa = 0x810c00,
		.hash_size = 0x400,
	};
}

#endif
