/*
 * TDVF metadata: the list of sections by which firmware tells a VMM how to build a TD's initial
 * memory. Intel TDX Virtual Firmware Design Guide 344991-004, section 11; edk2
 * OvmfPkg/ResetVector/X64/IntelTdxMetadata.asm.
 */
#ifndef FORMATS_TDVF_H
#define FORMATS_TDVF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define TDVF_SECTIONS_MAX 64
#define TDVF_PAGE	  4096u

enum tdvf_type {
	TDVF_BFV = 0,
	TDVF_CFV = 1,
	TDVF_TD_HOB = 2,
	TDVF_TEMP_MEM = 3,
	TDVF_PERM_MEM = 4,
	TDVF_PAYLOAD = 5,
	TDVF_PAYLOAD_PARAM = 6,
	TDVF_TD_INFO = 7,
	TDVF_TD_PARAMS = 8,
	TDVF_TYPES,
};

#define TDVF_MR_EXTEND 1u /* attributes: the contents go into MRTD */
#define TDVF_PAGE_AUG  2u /* attributes: accepted later, not added before launch */

struct tdvf_section {
	uint32_t data_offset, raw_size; /* in the image */
	uint64_t gpa, mem_size;
	uint32_t type, attributes;
};

struct tdvf {
	struct tdvf_section sections[TDVF_SECTIONS_MAX]; /* in the order of the metadata */
	size_t count;
	bool legacy; /* found at the fixed place, not through the GUIDed table */
};

/* "BFV", "TD_HOB", ...; "unknown" for a type that is not in the enumeration. */
const char *tdvf_type_name(uint32_t type);

/*
 * Parses the metadata of the @len bytes of @image, found through the GUIDed footer table or,
 * failing that, through the offset at the fixed place 32 bytes before the end. Refuses (-EBADMSG)
 * what no VMM could build: data beyond the image, memory smaller than its data, unaligned or
 * overlapping memory, unknown types and attributes. TdInfo and TdParams may be data without memory,
 * which lie inside another section.
 */
int tdvf_parse(const void *image, size_t len, struct tdvf *ret, struct err *err) MUST_CHECK;

/* The only section of @type, or NULL when there is none or more than one; borrowed. */
const struct tdvf_section *tdvf_find(const struct tdvf *tdvf, enum tdvf_type type);

#endif
