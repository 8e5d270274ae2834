/*
 * The golden document: from a finished build (its directory and its manifest, schema assay-build/1) to the values that a
 * verifier must expect, as atomic tuples, each with the digests of what it was computed from (schema assay-golden/1,
 * docs/golden.md).
 *
 * Read from the manifest: name, architecture, timestamp, agent.stand_in, outputs (path to sha256 and size_bytes) and launch:
 *   launch.snp  firmware, vmm, cpu [names], vcpus [counts], optionally sev_features "0x1"
 *   launch.tdx  firmware, vmm, optionally vcpus and memory_bytes (RTMR1 needs it where the VMM patches the kernel)
 * Outputs vmlinuz, initrd.img and cmdline must be there; every file used is checked against its sha256 first.
 */
#ifndef MEASURE_GOLDEN_GOLDEN_H
#define MEASURE_GOLDEN_GOLDEN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/derive.h"
#include "measure/warn.h"

#define GOLDEN_SCHEMA	  "assay-golden/1"
#define GOLDEN_TUPLES_MAX 65536

/* One file to be written beside the build's outputs. */
struct golden_output {
	char *name;	  /* owned: "golden.json", "refs/c8s-snp.json", "derivation/....json" */
	struct buf bytes; /* owned */
};

struct golden_outputs {
	struct golden_output *items; /* owned */
	size_t count, cap;
	struct warn warn; /* owned: what was let pass and should be seen */
};

void golden_outputs_done(struct golden_outputs *outputs);
#define GOLDEN_OUTPUTS_AUTO __attribute__((cleanup(golden_outputs_done))) struct golden_outputs

/*
 * Measures the build in @dir as @manifest (schema assay-build/1) says and makes all documents. -EBADMSG for a manifest that
 * does not say what it should, -EKEYREJECTED for a file that is not the one the manifest names, and whatever measuring refuses.
 */
int golden_build(const char *dir, const json_t *manifest, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;

/* One file of a build that registers are computed from. */
struct golden_part {
	const char *name; /* borrowed from the manifest: the path inside the build */
	char *path;	  /* owned */
	unsigned char sha256[SHA256_SIZE];
};

/* Finds the output @name in a build's manifest and checks that the file in @dir is the one that is named there. */
int golden_part(const char *dir, const json_t *manifest, const char *name, struct golden_part *ret,
	struct err *err) MUST_CHECK;

/* Adds an output that holds the canonical form of @doc; takes over @name, which may be NULL for lack of memory. */
int golden_output_json(
	struct golden_outputs *outputs, char *name, const json_t *doc, struct err *err) MUST_CHECK;

/* The SNP policy unless another is asked for: bit 17 is reserved and one, bit 16 allows SMT; no debugging, no migration agent. */
#define GOLDEN_GUEST_POLICY 0x30000

/* The tuple of an SNP launch on a CPU of this name, without the tuple's own name; NULL for lack of memory. Takes over @inputs. */
struct snp_launch;
json_t *golden_snp_tuple(const struct snp_launch *launch, const char *cpu, uint64_t guest_policy,
	json_t *inputs, const unsigned char digest[SHA384_SIZE]);

/* "{path, sha256}"; NULL for lack of memory. */
json_t *golden_part_json(const struct golden_part *part);

/* Adds derivation/TUPLE.REGISTER.json: how @value came to be. */
int golden_derivation(struct golden_outputs *outputs, const char *tuple,
	const struct derive *derive, const unsigned char *value, struct err *err) MUST_CHECK;

/* A golden document of the build that @manifest describes, without tuples; -EBADMSG when the manifest lacks a field. */
int golden_document(const json_t *manifest, const char *name,
	const unsigned char manifest_sha256[SHA256_SIZE], json_t **ret, struct err *err) MUST_CHECK;

/* One tuple of a golden document, borrowed from it. */
struct golden_tuple {
	const char *name;
	const char *tee;      /* "sev-snp" or "tdx" */
	const json_t *values; /* register name to lowercase hex */
};

/* Checks that @doc is a golden document and returns its list of tuples (borrowed); -EBADMSG otherwise. */
int golden_tuples(const json_t *doc, const json_t **ret, struct err *err) MUST_CHECK;

/* The @i-th tuple of that list; -EBADMSG when it lacks a field. */
int golden_tuple_at(
	const json_t *tuples, size_t i, struct golden_tuple *ret, struct err *err) MUST_CHECK;

#endif
