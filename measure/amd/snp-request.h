/*
 * What the verbs measure snp, sev and sev-es are asked for: options become inputs, inputs become digests. Nothing here
 * prints.
 */
#ifndef MEASURE_AMD_SNP_REQUEST_H
#define MEASURE_AMD_SNP_REQUEST_H

#include <stdbool.h>

#include "lib/buf.h"
#include "measure/amd/snp-fleet.h"
#include "measure/warn.h"

/* As given on the command line; NULL when not given. */
struct snp_options {
	const char *firmware, *firmware_meta;
	const char *kernel, *kernel_sha256;
	const char *initrd, *initrd_sha256;
	const char *cmdline, *cmdline_file;
	const char *vcpus, *cpu, *vmm, *sev_features;
	const char *svsm, *format;
	uint64_t vars_size_bytes;
	bool no_kernel_hashes, explain, strict;
};

struct snp_request {
	const struct snp_options *options;
	enum snp_tee tee;
	const struct snp_profile *profile;
	struct snp_image firmware, svsm;
	bool has_hashes;
	struct buf cmdline;	      /* with {vcpus} in it when it differs by count */
	struct kernel_hashes *hashes; /* owned: one, or one for each count */
	bool hashes_per_count;
	uint32_t *vcpus; /* owned */
	size_t vcpu_count;
	bool vcpus_given;     /* plain SEV does without */
	struct snp_cpu *cpus; /* owned */
	size_t cpu_count;
	uint64_t *features; /* owned */
	size_t feature_count;
	uint32_t *signatures; /* owned: the CPUs' signatures, each once */
	size_t signature_count;
	struct warn warn;
	size_t digest_size;
	unsigned char
		*digests; /* owned: @digest_size bytes for each signature, feature word and count */
};

/* Reads options and inputs. -EINVAL for options that contradict each other or are missing. */
int snp_request_load(struct snp_request *request, struct err *err) MUST_CHECK;

/* Computes all digests; with a recorder there must be exactly one shape. */
int snp_request_run(struct snp_request *request, struct derive *derive, struct err *err) MUST_CHECK;

void snp_request_done(struct snp_request *request);
#define SNP_REQUEST_AUTO __attribute__((cleanup(snp_request_done))) struct snp_request

/* How many shapes there are: CPUs x feature words x counts. */
size_t snp_request_shapes(const struct snp_request *request);

/* The digest of one of them. */
const unsigned char *snp_request_digest(
	const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu);

#endif
