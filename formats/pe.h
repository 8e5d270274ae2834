/*
 * PE/COFF images as UEFI loads them: the headers that matter for measuring, bounds-checked as edk2
 * does. Microsoft PE Format; edk2 MdePkg/Library/BasePeCoffLib (PeCoffLoaderGetPeHeader).
 */
#ifndef FORMATS_PE_H
#define FORMATS_PE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define PE_SECTIONS_MAX 256
#define PE_NAME_SIZE	8

struct pe_section {
	char name[PE_NAME_SIZE + 1];
	uint32_t virtual_size, virtual_address;
	uint32_t raw_offset, raw_size; /* in the file; inside it unless raw_size is 0 */
};

struct pe {
	uint16_t machine;
	uint16_t subsystem;
	uint16_t image_version; /* MajorImageVersion */
	bool pe32_plus;
	size_t checksum_offset;	   /* of the 4-byte CheckSum field */
	size_t security_offset;	   /* of the certificates' 8-byte directory entry; 0: none */
	uint32_t security_address; /* file offset of the certificates */
	uint32_t security_size;	   /* 0: unsigned */
	uint64_t strings_offset;   /* of the table of long section names; 0: none */
	uint32_t headers_size;	   /* SizeOfHeaders */
	uint32_t image_size;	   /* SizeOfImage */
	struct pe_section sections[PE_SECTIONS_MAX]; /* in file order of their headers */
	size_t count;
};

#define PE_MACHINE_X64 0x8664

/* Whether the bytes start with "MZ" and hold a PE signature where it says. */
bool pe_probe(const void *image, size_t len);

/* Parses the headers; -EBADMSG for what edk2 would refuse to load (and so would not measure). */
int pe_parse(const void *image, size_t len, struct pe *ret, struct err *err) MUST_CHECK;

/* The section of this name, or NULL when there is none; the first one when there are several.
 * Borrowed. */
const struct pe_section *pe_section(const struct pe *pe, const char *name);

/* The section whose name, of more than 8 characters, stands in the string table of @image as
 * linkers of the GNU kind put it there, or NULL. Borrowed. */
const struct pe_section *pe_section_long(
	const void *image, size_t len, const struct pe *pe, const char *name);

/* Appends a section as it stands in memory, virtual_size bytes: what the file has of it, then
 * zeros. */
void pe_section_memory(const void *image, const struct pe_section *section, struct buf *ret);

#endif
