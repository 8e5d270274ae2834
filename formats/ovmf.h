/*
 * The GUIDed table at the end of an OVMF image, through which firmware tells a VMM or a measuring tool where its metadata is.
 * Facts: edk2 OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm and QEMU hw/i386/pc_sysfw_ovmf.c.
 *
 * Offsets count from the start of the bytes given. Because everything in the table is found from the image's end, the
 * last part of an image ("suffix") serves as well as the whole, as long as it holds what is asked for.
 */
#ifndef FORMATS_OVMF_H
#define FORMATS_OVMF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/guid.h"

#define OVMF_ENTRIES_MAX 64

#define OVMF_GUID_FOOTER	"96b582de-1fb2-45f7-baea-a366c55a082d"
#define OVMF_GUID_SEV_RESET	"00f771de-1a7e-4fcb-890e-68c77e2fb44e" /* u32 AP reset EIP */
#define OVMF_GUID_SEV_HASHES	"7255371f-3a3b-4b04-927b-1da6efa8d454" /* u32 GPA, u32 size */
#define OVMF_GUID_SEV_METADATA	"dc886566-984a-4798-a75e-5585a7bf67cc" /* u32 offset from the end */
#define OVMF_GUID_SEV_SECRET	"4c2eb361-7d9b-4cc3-8081-127c90d3d294" /* u32 GPA, u32 size */
#define OVMF_GUID_IGVM_METADATA "784fa70e-3176-4677-8a20-04b68699e374"
#define OVMF_GUID_SVSM_INFO                                                                        \
	"a789a612-0597-4c4b-a49f-cbb1fe9d1ddd" /* u32 entry offset in the SVSM */
#define OVMF_GUID_TDX_METADATA "e47a6535-984a-4798-865e-4685a7bf8ec2" /* u32 offset from the end */

struct ovmf_entry {
	struct guid guid;
	size_t offset;	   /* of the entry's data in the bytes parsed */
	size_t size_bytes; /* of the data */
};

/* The entries in walking order, the one nearest the image's end first. No footer GUID: count 0. */
struct ovmf_table {
	struct ovmf_entry entries[OVMF_ENTRIES_MAX];
	size_t count;
};

/* Parses the table at the end of @len bytes of @image; an image without a footer gives an empty table. A table that
 * leaves the image, has a duplicate GUID, leftover bytes or too many entries is -EBADMSG. */
int ovmf_table_parse(
	const void *image, size_t len, struct ovmf_table *ret, struct err *err) MUST_CHECK;

/* The entry with this GUID (an OVMF_GUID_* literal), or NULL; borrowed from @table. */
const struct ovmf_entry *ovmf_table_find(const struct ovmf_table *table, const char *guid);

/* Reads the u32 at the start of an entry's data; -EBADMSG when it is shorter than @min_size or the entry is NULL. @name names
 * the entry in errors. */
int ovmf_entry_u32(const void *image, size_t len, const struct ovmf_entry *entry, size_t min_size,
	const char *name, uint32_t *ret, struct err *err) MUST_CHECK;

/* Where the u32 "offset from the end" of an entry leads, as an offset in @image; -EBADMSG when it leaves the image or
 * the entry is NULL. */
int ovmf_entry_target(const void *image, size_t len, const struct ovmf_entry *entry,
	const char *name, size_t *ret, struct err *err) MUST_CHECK;

/* The SEV-ES/SNP AP reset EIP: from the table, else from the stand-alone block of images that precede it. -EBADMSG
 * when there is none or it is 0. */
int ovmf_reset_eip(const void *image, size_t len, const struct ovmf_table *table, uint32_t *ret,
	struct err *err) MUST_CHECK;

#endif
