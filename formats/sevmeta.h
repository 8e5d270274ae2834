/*
 * The SEV metadata of an OVMF image: the memory that an SNP launch must prepare besides the firmware itself.
 * Facts: edk2 OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm, QEMU target/i386/sev.c (SEV-SNP metadata).
 */
#ifndef FORMATS_SEVMETA_H
#define FORMATS_SEVMETA_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define SEVMETA_SECTIONS_MAX 64

enum sevmeta_type {
	SEVMETA_SEC_MEM = 1,
	SEVMETA_SECRETS = 2,
	SEVMETA_CPUID = 3,
	SEVMETA_SVSM_CAA = 4,
	SEVMETA_KERNEL_HASHES = 0x10,
};

struct sevmeta_section {
	uint32_t gpa;
	uint32_t size_bytes;
	uint32_t type; /* enum sevmeta_type or unknown */
};

/* The sections in file order, which is the order of measurement. */
struct sevmeta {
	struct sevmeta_section sections[SEVMETA_SECTIONS_MAX];
	size_t count;
};

/* Parses the metadata at offset @at of @len bytes at @image; -EBADMSG for another signature, a length that does not
 * fit the count, or data beyond the image; -ENOTSUP for another version. */
int sevmeta_parse(
	const void *image, size_t len, size_t at, struct sevmeta *ret, struct err *err) MUST_CHECK;

/*
 * The rules that a launchable table keeps: pages aligned, no overlap, nothing at or above @rom_gpa (where the firmware
 * begins; 4 GiB when it is elsewhere), one page for CPUID, secrets and kernel hashes, at most one each of these.
 * -EBADMSG names the section. A section of size 0 is allowed.
 */
int sevmeta_check(const struct sevmeta *meta, uint64_t rom_gpa, struct err *err) MUST_CHECK;

/* The first section of @type, or NULL. */
const struct sevmeta_section *sevmeta_find(const struct sevmeta *meta, uint32_t type);

/* "SEC_MEM" and so on; "unknown" for other types. */
const char *sevmeta_type_name(uint32_t type);

#endif
