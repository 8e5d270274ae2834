/* Builds IGVM files for tests: headers are added, then the file is closed with its sizes and checksum. */
#ifndef TESTS_UNIT_IGVM_FILE_H
#define TESTS_UNIT_IGVM_FILE_H

#include <stdint.h>
#include <string.h>

#include "formats/igvm.h"
#include "lib/wr.h"

#define IGVM_FILE_FIXED	  24
#define IGVM_FILE_HEADERS 4096 /* the variable headers, padded by an optional one */
#define IGVM_FILE_DATA	  (IGVM_FILE_FIXED + IGVM_FILE_HEADERS)
#define IGVM_FILE_PAGES	  8
#define IGVM_FILE_SIZE	  (IGVM_FILE_DATA + IGVM_FILE_PAGES * 4096)

struct igvm_file {
	unsigned char bytes[IGVM_FILE_SIZE];
	size_t at;	  /* where the next header goes */
	size_t last;	  /* where the last one is */
	uint32_t version; /* 1 unless set */
};

/* Page @n of the data is filled with @n + 1. */
static inline void igvm_file_begin(struct igvm_file *file)
{
	memset(file, 0, sizeof(*file));
	file->at = IGVM_FILE_FIXED;
	file->version = 1;
	for (size_t i = 0; i < IGVM_FILE_PAGES; i++)
		memset(file->bytes + IGVM_FILE_DATA + i * 4096, (int)i + 1, 4096);
}

/* The file offset of page @n of the data. */
static inline uint32_t igvm_file_page(size_t n)
{
	return (uint32_t)(IGVM_FILE_DATA + n * 4096);
}

/* Adds a header of @words 32-bit words; @length in bytes. */
static inline void igvm_file_add(
	struct igvm_file *file, uint32_t type, uint32_t length, const uint32_t *words)
{
	struct wr wr = {.base = file->bytes, .cap = IGVM_FILE_DATA, .pos = file->at};

	file->last = file->at;
	wr_le32(&wr, type);
	wr_le32(&wr, length);
	for (uint32_t i = 0; i < (length + 3) / 4; i++)
		wr_le32(&wr, words[i]);
	file->at += 8 + (length + 7) / 8 * 8;
}

static inline void igvm_file_platform(struct igvm_file *file, uint32_t mask, uint32_t platform)
{
	const uint32_t words[] = {mask, 1u << 16 | platform << 8, 0, 0};

	igvm_file_add(file, IGVM_SUPPORTED_PLATFORM, 16, words);
}

static inline void igvm_file_data(
	struct igvm_file *file, uint64_t gpa, uint32_t offset, uint32_t flags, uint16_t data_type)
{
	const uint32_t words[] = {
		(uint32_t)gpa, (uint32_t)(gpa >> 32), 1, offset, flags, data_type};

	igvm_file_add(file, IGVM_PAGE_DATA, 24, words);
}

static inline void igvm_file_area(struct igvm_file *file, uint32_t index, uint32_t size)
{
	const uint32_t words[] = {size, 0, index, 0};

	igvm_file_add(file, IGVM_PARAMETER_AREA, 16, words);
}

static inline void igvm_file_insert(struct igvm_file *file, uint32_t index, uint32_t gpa)
{
	const uint32_t words[] = {gpa, 0, 1, index};

	igvm_file_add(file, IGVM_PARAMETER_INSERT, 16, words);
}

static inline void igvm_file_context(
	struct igvm_file *file, uint16_t index, uint64_t gpa, uint32_t offset)
{
	const uint32_t words[] = {(uint32_t)gpa, (uint32_t)(gpa >> 32), 1, offset, index};

	igvm_file_add(file, IGVM_VP_CONTEXT, 20, words);
}

static inline uint32_t igvm_file_crc(uint32_t crc, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t bit = (crc ^ bytes[i / 8] >> (i % 8)) & 1;

		crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
	}
	return crc;
}

/* Writes the fixed header over all headers added so far. */
static inline void igvm_file_end(struct igvm_file *file)
{
	uint32_t size = (uint32_t)(file->at - IGVM_FILE_FIXED), crc;
	struct wr wr = {.base = file->bytes, .cap = IGVM_FILE_FIXED};

	wr_bytes(&wr, "IGVM", 4);
	wr_le32(&wr, file->version);
	wr_le32(&wr, IGVM_FILE_FIXED);
	wr_le32(&wr, size);
	wr_le32(&wr, IGVM_FILE_SIZE);
	wr_le32(&wr, 0);
	crc = ~igvm_file_crc(UINT32_MAX, file->bytes, IGVM_FILE_FIXED + size);
	wr_seek(&wr, 20);
	wr_le32(&wr, crc);
}

#endif
