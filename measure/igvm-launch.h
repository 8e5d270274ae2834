/*
 * Launch measurements of guests that are described by an IGVM file: as QEMU launches them, and as two public calculators
 * compute them. The three differ in order and in what they take from the file; each is a row of a table.
 */
#ifndef MEASURE_IGVM_LAUNCH_H
#define MEASURE_IGVM_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/igvm.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/amd/profile-snp.h"
#include "measure/derive.h"
#include "measure/warn.h"

enum igvm_tee {
	IGVM_TEE_SNP,
	IGVM_TEE_TDX,
};

struct igvm_launch {
	const char *path;
	const char *profile; /* "qemu", "igvmmeasure" or "igvm-crate" */
	enum igvm_tee tee;
	uint32_t vcpus; /* of QEMU: VMSAs are measured for all of them */
	const struct snp_cpu
		*cpu; /* of QEMU, for vCPUs without a context in the file; NULL: not given */
};

struct igvm_result {
	unsigned char digest[SHA384_SIZE]; /* launch digest, or MRTD */
	unsigned char sha256[SHA256_SIZE]; /* of the file */
	uint64_t size_bytes;
	bool has_policy;
	uint64_t policy; /* the guest policy in the file */
	bool has_id_block;
	unsigned char id_block_digest
		[SHA384_SIZE]; /* the launch digest that the file's ID block expects */
};

/*
 * Measures the launch. -EBADMSG for a malformed file, -ENOTSUP for what the profile's program would refuse, -EINVAL for an
 * input that is missing. What is let pass but should be seen goes to @warn.
 */
int igvm_launch_measure(const struct igvm_launch *launch, struct derive *derive, struct warn *warn,
	struct igvm_result *ret, struct err *err) MUST_CHECK;

/* The profiles' names and sources: NULL-terminated. */
struct igvm_profile_name {
	const char *name;
	const char *source;
};
const struct igvm_profile_name *igvm_launch_profiles(void);

#endif
