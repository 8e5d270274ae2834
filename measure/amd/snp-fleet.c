/*
 * Launch digests of a fleet (snp-fleet.h). A digest is a chain: what precedes the VMSAs, the boot processor's VMSA, then
 * the same VMSA for every other processor. Hence
 *   - the part before the VMSAs is made once for each command line,
 *   - the two VMSA pages once for each CPU signature and feature word,
 *   - with one command line for all counts, a chain passes through the digest of every smaller count,
 *   - and chains that are independent of each other run side by side in vector lanes and on threads.
 */
#include "measure/amd/snp-fleet.h"

#include <stdlib.h>
#include <string.h>

#include "lib/pool.h"
#include "lib/sha512mb.h"

#define CHUNK 64 /* chains that one task runs */
_Static_assert(SHA384_SIZE + SHA384MB_TAIL == SNP_PAGE_INFO_SIZE, "PAGE_INFO is a chain's message");

/* One CPU signature with one feature word: the tails of PAGE_INFO that its VMSAs add. */
struct kind {
	unsigned char bsp[SHA384MB_TAIL], ap[SHA384MB_TAIL];
};

struct work {
	const struct snp_fleet *fleet;
	unsigned char (*ret)[SHA384_SIZE];
	struct kind *kinds; /* owned: signature_count * feature_count */
	size_t kind_count;
	unsigned char (*prefixes)[SHA384_SIZE]; /* owned: one, or one for each count */
};

static void work_done(struct work *work)
{
	free(work->kinds);
	free(work->prefixes);
}

static void make_tail(
	const struct snp_fleet *fleet, const unsigned char *content, unsigned char *ret)
{
	static const unsigned char nothing[SHA384_SIZE];
	unsigned char info[SNP_PAGE_INFO_SIZE];

	snp_page_info(nothing, content, SNP_PAGE_VMSA, fleet->launch.profile->vmsa_gpa, info);
	memcpy(ret, info + SHA384_SIZE, SHA384MB_TAIL);
}

static int make_kind(void *arg, size_t i, struct err *err)
{
	const struct work *work = arg;
	const struct snp_fleet *fleet = work->fleet;
	unsigned char bsp[SHA384_SIZE], ap[SHA384_SIZE];
	struct snp_launch launch = fleet->launch;
	int rc;

	launch.cpu_signature = fleet->signatures[i / fleet->feature_count];
	launch.sev_features = fleet->features[i % fleet->feature_count];
	rc = snp_launch_vmsas(&launch, bsp, ap, err);
	if (rc != 0)
		return rc;
	make_tail(fleet, bsp, work->kinds[i].bsp);
	make_tail(fleet, ap, work->kinds[i].ap);
	return 0;
}

static int make_prefix(void *arg, size_t i, struct err *err)
{
	const struct work *work = arg;
	const struct snp_fleet *fleet = work->fleet;
	struct snp_launch launch = fleet->launch;
	SNP_CHAIN_AUTO chain = {.derive = NULL};
	int rc;

	launch.hashes = fleet->hashes != NULL ? &fleet->hashes[i] : NULL;
	rc = snp_chain_init(&chain, NULL, err);
	if (rc == 0)
		rc = snp_launch_prefix(&launch, &chain, err);
	memcpy(work->prefixes[i], chain.ld, SHA384_SIZE);
	return rc;
}

/* Every shape has its own chain: a task takes CHUNK shapes, in the order count by count so that chains in neighbouring
 * lanes have the same length. */
static int run_shapes(void *arg, size_t i, struct err *err)
{
	const struct work *work = arg;
	const struct snp_fleet *fleet = work->fleet;
	size_t first = i * CHUNK, total = work->kind_count * fleet->vcpu_count;
	size_t n = total - first < CHUNK ? total - first : CHUNK;
	struct sha384mb_chain chains[CHUNK];
	int rc;

	for (size_t j = 0; j < n; j++) {
		memcpy(chains[j].value, work->prefixes[(first + j) / work->kind_count],
			SHA384_SIZE);
		chains[j].tail = work->kinds[(first + j) % work->kind_count].bsp;
		chains[j].steps = 1;
	}
	rc = sha384mb_chains(SHA384MB_BEST, chains, n, err);
	for (size_t j = 0; j < n; j++) {
		chains[j].tail = work->kinds[(first + j) % work->kind_count].ap;
		chains[j].steps = fleet->vcpus[(first + j) / work->kind_count] - 1;
	}
	if (rc == 0)
		rc = sha384mb_chains(SHA384MB_BEST, chains, n, err);
	for (size_t j = 0; rc == 0 && j < n; j++) {
		size_t kind = (first + j) % work->kind_count;
		size_t vcpu = (first + j) / work->kind_count;

		memcpy(work->ret[kind * fleet->vcpu_count + vcpu], chains[j].value, SHA384_SIZE);
	}
	return rc;
}

/* Takes what a chain has reached at @vcpus vCPUs for the shapes of that count. */
static void take(
	const struct work *work, size_t kind, uint32_t vcpus, const struct sha384mb_chain *chain)
{
	const struct snp_fleet *fleet = work->fleet;

	for (size_t v = 0; v < fleet->vcpu_count; v++)
		if (fleet->vcpus[v] == vcpus)
			memcpy(work->ret[kind * fleet->vcpu_count + v], chain->value, SHA384_SIZE);
}

static uint32_t most_vcpus(const struct snp_fleet *fleet)
{
	uint32_t most = 1;

	for (size_t v = 0; v < fleet->vcpu_count; v++)
		if (fleet->vcpus[v] > most)
			most = fleet->vcpus[v];
	return most;
}

/* One chain serves all counts of a kind: a task takes CHUNK kinds. */
static int run_kinds(void *arg, size_t i, struct err *err)
{
	const struct work *work = arg;
	size_t first = i * CHUNK, left = work->kind_count - first;
	size_t n = left < CHUNK ? left : CHUNK;
	uint32_t most = most_vcpus(work->fleet);
	struct sha384mb_chain chains[CHUNK];
	int rc = 0;

	for (size_t j = 0; j < n; j++)
		memcpy(chains[j].value, work->prefixes[0], SHA384_SIZE);
	for (uint32_t vcpus = 1; rc == 0 && vcpus <= most; vcpus++) {
		for (size_t j = 0; j < n; j++) {
			const struct kind *kind = &work->kinds[first + j];

			chains[j].tail = vcpus == 1 ? kind->bsp : kind->ap;
			chains[j].steps = 1;
		}
		rc = sha384mb_chains(SHA384MB_BEST, chains, n, err);
		for (size_t j = 0; rc == 0 && j < n; j++)
			take(work, first + j, vcpus, &chains[j]);
	}
	return rc;
}

static int check_fleet(const struct snp_fleet *fleet, struct err *err)
{
	struct snp_launch launch = fleet->launch;

	for (size_t v = 0; v < fleet->vcpu_count; v++)
		if (fleet->vcpus[v] < 1 || fleet->vcpus[v] > SNP_VCPUS_MAX)
			return err_fail(err, -EINVAL, "%u vCPUs: a guest has 1 to %d",
				fleet->vcpus[v], SNP_VCPUS_MAX);
	if (fleet->vcpu_count == 0 || fleet->signature_count == 0 || fleet->feature_count == 0)
		return err_fail(err, -EINVAL, "no shape to measure");
	if (fleet->vcpu_count > SNP_FLEET_MAX / fleet->signature_count / fleet->feature_count)
		return err_fail(err, -EINVAL, "more than %u shapes", SNP_FLEET_MAX);
	launch.hashes = fleet->hashes;
	return snp_launch_check(&launch, err);
}

static size_t chunks(size_t n)
{
	return (n + CHUNK - 1) / CHUNK;
}

int snp_fleet_run(const struct snp_fleet *fleet, unsigned char (*ret)[SHA384_SIZE], struct err *err)
{
	__attribute__((cleanup(work_done))) struct work work = {
		.fleet = fleet,
		.ret = ret,
		.kind_count = fleet->signature_count * fleet->feature_count,
	};
	size_t prefixes = fleet->hashes_per_count ? fleet->vcpu_count : 1;
	int rc = check_fleet(fleet, err);

	if (rc != 0)
		return rc;
	work.kinds = calloc(work.kind_count, sizeof(*work.kinds));
	work.prefixes = calloc(prefixes, sizeof(*work.prefixes));
	if (work.kinds == NULL || work.prefixes == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pool_run(0, work.kind_count, make_kind, &work, err);
	if (rc == 0)
		rc = pool_run(0, prefixes, make_prefix, &work, err);
	if (rc != 0)
		return rc;
	if (fleet->hashes_per_count)
		return pool_run(
			0, chunks(work.kind_count * fleet->vcpu_count), run_shapes, &work, err);
	return pool_run(0, chunks(work.kind_count), run_kinds, &work, err);
}
