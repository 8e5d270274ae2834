/*
 * The SEV-SNP launch digest: SEV-SNP ABI 8.17.2, table 67, in the order in which the VMM of the profile adds pages.
 */
#ifndef MEASURE_AMD_SNP_H
#define MEASURE_AMD_SNP_H

#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "measure/amd/kernel-hashes.h"
#include "measure/amd/profile-snp.h"
#include "measure/amd/snp-image.h"
#include "measure/derive.h"
#include "measure/warn.h"

#define SNP_VCPUS_MAX	     4096 /* of one guest: KVM_MAX_VCPUS */
#define SNP_FEATURES_DEFAULT 0x1  /* SNPActive alone */

/* A launch digest while it grows. */
struct snp_chain {
	unsigned char ld[SHA384_SIZE];
	struct derive *derive; /* borrowed; NULL records nothing */
	struct digest sha384;  /* owned */
};

int snp_chain_init(struct snp_chain *chain, struct derive *derive, struct err *err) MUST_CHECK;
void snp_chain_done(struct snp_chain *chain);
#define SNP_CHAIN_AUTO __attribute__((cleanup(snp_chain_done))) struct snp_chain

/* Adds one page; @content is its SHA-384 for NORMAL and VMSA pages and NULL for the others. @what is for the recorder. */
int snp_chain_add(struct snp_chain *chain, enum snp_page type, uint64_t gpa,
	const unsigned char *content, const char *what, struct err *err) MUST_CHECK;

/* Adds @size_bytes (whole pages) of a type without content from @gpa on. */
int snp_chain_range(struct snp_chain *chain, enum snp_page type, uint64_t gpa, uint64_t size_bytes,
	const char *what, struct err *err) MUST_CHECK;

/* Computes @image->seed from its pages, ending at 4 GiB; records them when @derive is not NULL. */
int snp_image_seed(struct snp_image *image, struct derive *derive, struct err *err) MUST_CHECK;

/* One launch. What is pointed to is borrowed. */
struct snp_launch {
	const struct snp_profile *profile;
	const struct snp_image *firmware;
	const struct snp_image *svsm; /* of SVSM profiles, else NULL */
	uint64_t vars_size_bytes;     /* of SVSM profiles: the variable store below the firmware */
	const struct kernel_hashes *hashes; /* NULL: no kernel hashes */
	uint32_t cpu_signature;		    /* used when the profile says so */
	uint64_t sev_features;
	uint32_t vcpus;
};

/*
 * Everything about the launch that does not depend on vCPUs and features: -EBADMSG or -EINVAL when the firmware cannot
 * be launched this way, or would run a kernel unmeasured.
 */
int snp_launch_check(const struct snp_launch *launch, struct err *err) MUST_CHECK;

/* What snp_launch_check() lets pass and should be seen. */
void snp_launch_warn(const struct snp_launch *launch, struct warn *warn);

/*
 * Writes the 48-byte launch digest. Includes snp_launch_check(). With a recorder, every page from the first is
 * recorded; that needs firmware from a file (-EINVAL).
 */
int snp_launch_digest(const struct snp_launch *launch, struct derive *derive,
	unsigned char ret[SHA384_SIZE], struct err *err) MUST_CHECK;

/* The part before the VMSAs, which all shapes with the same hashes share; after snp_launch_check(). */
int snp_launch_prefix(
	const struct snp_launch *launch, struct snp_chain *chain, struct err *err) MUST_CHECK;

/* The SHA-384 of the boot processor's and the other processors' VMSA. */
int snp_launch_vmsas(const struct snp_launch *launch, unsigned char ret_bsp[SHA384_SIZE],
	unsigned char ret_ap[SHA384_SIZE], struct err *err) MUST_CHECK;

/* The 0x70 bytes that are hashed for one page. */
#define SNP_PAGE_INFO_SIZE 0x70
void snp_page_info(const unsigned char ld[SHA384_SIZE], const unsigned char content[SHA384_SIZE],
	enum snp_page type, uint64_t gpa, unsigned char ret[SNP_PAGE_INFO_SIZE]);

#endif
