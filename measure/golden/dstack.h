/*
 * What dstack knows an image by: the measurement documents of its images, the digest over them, and the digests of a
 * guest's registers that its key management compares.
 *
 * dstack 0.6: dstack-types (TdxOsImageMeasurement and SevOsImageMeasurement, version 3), dstack-mr, dstack-attest,
 * os/image/assemble.sh.
 */
#ifndef MEASURE_GOLDEN_DSTACK_H
#define MEASURE_GOLDEN_DSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/sevmeta.h"
#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/golden/golden-doc.h"

/* measurement.tdx.cbor */
struct dstack_tdx {
	unsigned char cmdline[SHA384_SIZE]; /* of the load options */
	unsigned char kernel[SHA384_SIZE];  /* Authenticode, as QEMU patches it with much memory */
	unsigned char initrd[SHA384_SIZE];
	unsigned char mrtd_single[SHA384_SIZE], mrtd_two[SHA384_SIZE];
	struct buf td_hob; /* owned: dstack_td_hob() */
};

/* Appends the document: a map of definite lengths in dstack's order of keys. */
void dstack_tdx_write(const struct dstack_tdx *tdx, struct buf *ret);

/*
 * Appends what the TD HOB list is made again from: page numbers as LEB128, the first page of all sections TD_HOB and
 * TEMP_MEM, then the TD HOB's page, the number of sections, and start and length of each, relative to the first.
 * -EBADMSG when there is not one TD_HOB section, or one is empty.
 */
int dstack_td_hob(const struct tdvf *tdvf, struct buf *ret, struct err *err) MUST_CHECK;

/* measurement.snp.cbor. What is pointed to is borrowed. */
struct dstack_snp {
	const char *cmdline;
	unsigned char ovmf[SHA384_SIZE]; /* the launch digest after the firmware's pages */
	unsigned char kernel[SHA256_SIZE], initrd[SHA256_SIZE];
	uint32_t hash_table_gpa, reset_eip;
	const struct sevmeta *sections;
};

void dstack_snp_write(const struct dstack_snp *snp, struct buf *ret);

/* Appends measurement.gcp.cbor: the Authenticode digest of a unified kernel image, version 1. */
void dstack_gcp_write(const unsigned char uki[SHA256_SIZE], struct buf *ret);

/*
 * mr_aggregated: SHA-256 over all registers of a TDX guest and, when it is there, its MRCONFIGID with zeros for MROWNER
 * and MROWNERCONFIG; over launch digest and HOST_DATA of an SNP guest. False when the tuple does not pin all of them.
 */
bool dstack_mr_aggregated(const struct golden_entry *entry, unsigned char ret[SHA256_SIZE]);

/*
 * mr_system: SHA-256 over MRTD, RTMR0 to 2 and @key_provider, the SHA-256 of the key provider's event (NULL: not
 * known); over the launch digest of an SNP guest. False when something is missing.
 */
bool dstack_mr_system(const struct golden_entry *entry,
	const unsigned char key_provider[SHA256_SIZE], unsigned char ret[SHA256_SIZE]);

#endif
