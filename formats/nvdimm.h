/*
 * The information block by which Linux finds the data of an NVDIMM namespace in memory mode
 * (drivers/nvdimm/pfn.h, struct nd_pfn_sb, version 0.2). Kata's images for DAX begin with one: it
 * stands 4096 bytes into the device and says where the disk proper begins.
 */
#ifndef FORMATS_NVDIMM_H
#define FORMATS_NVDIMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define NVDIMM_PFN_OFFSET 4096u /* from the start of the device */
#define NVDIMM_PFN_SIZE	  4096u

struct nvdimm_pfn {
	uint64_t data_offset; /* where the disk begins */
	uint32_t align;
};

/* Writes the block: mode RAM, no UUIDs, its checksum. */
void nvdimm_pfn_format(const struct nvdimm_pfn *pfn, unsigned char ret[NVDIMM_PFN_SIZE]);

/* Whether such a block is at @bytes, judging by its signature alone. */
bool nvdimm_pfn_is(const void *bytes, size_t len);

/* Reads one of a device of @device_bytes bytes. @what names the file in errors. -EBADMSG for a
 * wrong checksum or an offset that is no multiple of 4096 inside the device behind the block;
 * -ENOTSUP for other versions, modes and padded namespaces. */
int nvdimm_pfn_parse(const void *bytes, size_t len, uint64_t device_bytes, const char *what,
	struct nvdimm_pfn *ret, struct err *err) MUST_CHECK;

#endif
