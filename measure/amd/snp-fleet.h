/* The launch digests of many shapes at once: any vCPU counts x CPU signatures x feature words, with the work shared. */
#ifndef MEASURE_AMD_SNP_FLEET_H
#define MEASURE_AMD_SNP_FLEET_H

#include "measure/amd/snp.h"

#define SNP_FLEET_MAX (1u << 22) /* shapes of one run */

struct snp_fleet {
	struct snp_launch launch; /* hashes, cpu_signature, sev_features and vcpus are not read */
	const struct kernel_hashes *hashes; /* NULL: none; else one, or one for each count */
	bool hashes_per_count;
	const uint32_t *vcpus; /* any order, 1..SNP_VCPUS_MAX each */
	size_t vcpu_count;
	const uint32_t *signatures;
	size_t signature_count;
	const uint64_t *features;
	size_t feature_count;
};

/* Where the digest of a shape stands in the result. */
static inline size_t snp_fleet_at(
	const struct snp_fleet *fleet, size_t signature, size_t feature, size_t vcpu)
{
	return (signature * fleet->feature_count + feature) * fleet->vcpu_count + vcpu;
}

/* Writes all digests to @ret, snp_fleet_at() tells where. Equal for any number of threads. */
int snp_fleet_run(const struct snp_fleet *fleet, unsigned char (*ret)[SHA384_SIZE],
	struct err *err) MUST_CHECK;

#endif
