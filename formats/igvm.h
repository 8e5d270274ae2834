/*
 * IGVM files: the directives by which a paravisor or firmware is loaded into a guest.
 * Facts: the IGVM file format of igvm_defs 0.5 (format versions 1 and 2).
 *
 * A file is a fixed header, variable headers, and data that these point to. Only the headers are parsed here; data is
 * read by the caller at the offsets given.
 */
#ifndef FORMATS_IGVM_H
#define FORMATS_IGVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define IGVM_FIXED_MAX	 32	    /* bytes of the larger fixed header */
#define IGVM_HEADERS_MAX (8u << 20) /* bytes of variable headers */
#define IGVM_ITEMS_MAX	 131072

enum igvm_type {
	IGVM_SUPPORTED_PLATFORM = 0x1,
	IGVM_GUEST_POLICY = 0x101,
	IGVM_RELOCATABLE_REGION = 0x102,
	IGVM_PAGE_TABLE_RELOCATION = 0x103,
	IGVM_CORIM_DOCUMENT = 0x104,
	IGVM_CORIM_SIGNATURE = 0x105,
	IGVM_CCA_POLICY = 0x106,
	IGVM_PARAMETER_AREA = 0x301,
	IGVM_PAGE_DATA = 0x302,
	IGVM_PARAMETER_INSERT = 0x303,
	IGVM_VP_CONTEXT = 0x304,
	IGVM_REQUIRED_MEMORY = 0x305,
	IGVM_VP_COUNT = 0x307,
	IGVM_SRAT = 0x308,
	IGVM_MADT = 0x309,
	IGVM_MMIO_RANGES = 0x30a,
	IGVM_SNP_ID_BLOCK = 0x30b,
	IGVM_MEMORY_MAP = 0x30c,
	IGVM_ERROR_RANGE = 0x30d,
	IGVM_COMMAND_LINE = 0x30e,
	IGVM_SLIT = 0x30f,
	IGVM_PPTT = 0x310,
	IGVM_VBS_MEASUREMENT = 0x311,
	IGVM_DEVICE_TREE = 0x312,
	IGVM_ENVIRONMENT_INFO = 0x313,
};

enum igvm_platform {
	IGVM_NATIVE = 0,
	IGVM_VSM = 1,
	IGVM_SNP = 2,
	IGVM_TDX = 3,
	IGVM_SEV = 4,
	IGVM_SEV_ES = 5,
	IGVM_CCA = 6,
};

enum igvm_data_type {
	IGVM_DATA_NORMAL = 0,
	IGVM_DATA_SECRETS = 1,
	IGVM_DATA_CPUID = 2,
	IGVM_DATA_CPUID_XF = 3,
};

#define IGVM_FLAG_2MB	     1u
#define IGVM_FLAG_UNMEASURED 2u
#define IGVM_FLAG_SHARED     4u

/* One variable header. Fields that its type does not have are 0; @mask is all ones for types that have none. */
struct igvm_item {
	uint32_t type;		   /* enum igvm_type; unknown optional ones are left out */
	uint32_t mask;		   /* compatibility mask */
	size_t offset;		   /* of the header in the file, for errors */
	uint64_t gpa;		   /* pages, inserts, contexts, memory */
	uint64_t size_bytes;	   /* parameter areas and memory */
	uint32_t file_offset;	   /* of the data; 0: none */
	uint32_t index;		   /* parameter area, or vCPU of a context */
	uint32_t flags;		   /* IGVM_FLAG_* of pages */
	uint16_t data_type;	   /* enum igvm_data_type of pages */
	uint8_t platform;	   /* enum igvm_platform */
	uint64_t policy;	   /* guest policy */
	const unsigned char *body; /* borrowed: the whole structure */
};

struct igvm {
	uint32_t version;
	struct igvm_item *items; /* owned */
	size_t count;
};

void igvm_done(struct igvm *igvm);
#define IGVM_AUTO __attribute__((cleanup(igvm_done))) struct igvm

/* Where the headers of a file end, from its first @len (up to IGVM_FIXED_MAX) bytes: how much igvm_parse() must be given. */
int igvm_headers_end(
	const void *bytes, size_t len, uint64_t file_size, size_t *ret, struct err *err) MUST_CHECK;

/*
 * Parses the first @len bytes, as many as igvm_headers_end() says, of a file of @file_size bytes. -EBADMSG for anything that
 * breaks the format: sizes, order of sections, padding, checksum, reserved fields, alignment, data outside the file;
 * -ENOTSUP for a version, architecture or mandatory type that is not known.
 */
int igvm_parse(const void *bytes, size_t len, uint64_t file_size, struct igvm *ret,
	struct err *err) MUST_CHECK;

/* "PAGE_DATA" and so on; "unknown" for other types. */
const char *igvm_type_name(uint32_t type);

/* The launch digest inside an SNP_ID_BLOCK item's body, 48 bytes; borrowed. */
const unsigned char *igvm_id_block_digest(const struct igvm_item *item);

#endif
