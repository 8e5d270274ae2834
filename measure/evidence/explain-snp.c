/*
 * Which launch gives an SNP report's digest (explain.h): every vCPU count, CPU model and SEV_FEATURES word at once, for the tuple's files
 * and those that were found on the host, with the tuple's VMM profile and the others, fewest departures from the tuple first.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/snp-fleet.h"
#include "measure/evidence/explain.h"

#define VCPUS_TRIED 256
#define CPUS_MAX    128
#define PARTS	    4

/* SEV_FEATURES words that VMMs set: SNPActive, with ReflectVC, DebugSwap, restricted injection, secure TSC, VMSA protection. */
static const uint64_t features_tried[] = {0x1, 0x5, 0x21, 0x25, 0x9, 0x201, 0x221, 0x4001, 0x4021};
#define FEATURES_TRIED (sizeof(features_tried) / sizeof(*features_tried))

enum part {
	PART_FIRMWARE,
	PART_KERNEL,
	PART_INITRD,
	PART_CMDLINE,
};

static const char *const part_names[PARTS] = {"firmware", "kernel", "initrd", "cmdline"};

/* What is hashed of the direct boot. */
enum hashing {
	HASHES_AS_IS,
	HASHES_COUNT, /* nr_cpus= on the command line follows the vCPU count */
	HASHES_NONE,
	HASHINGS,
};

struct search {
	const struct explanation *explanation;
	const unsigned char *wanted;
	/* The tuple's own at [0], what was observed at [1]. */
	bool has[PARTS][2];
	struct snp_image firmware[2];
	unsigned char kernel[2][SHA256_SIZE], initrd[2][SHA256_SIZE];
	struct buf cmdline[2];
	uint64_t tuple_features;
	uint32_t vcpus[VCPUS_TRIED];
	struct snp_cpu cpus[CPUS_MAX];
	uint32_t signatures[CPUS_MAX];
	size_t cpu_count, signature_count;
	uint64_t features[FEATURES_TRIED + 1];
	size_t feature_count;
	struct kernel_hashes *hashes;	       /* owned: one for each count */
	unsigned char (*digests)[SHA384_SIZE]; /* owned */
};

static void search_done(struct search *search)
{
	for (size_t i = 0; i < 2; i++) {
		snp_image_done(&search->firmware[i]);
		buf_done(&search->cmdline[i]);
	}
	free(search->hashes);
	free(search->digests);
	free(search);
}

static void search_free(struct search **search)
{
	if (*search != NULL)
		search_done(*search);
}
#define SEARCH_AUTO __attribute__((cleanup(search_free))) struct search

/* One combination of departures from the tuple. */
struct departure {
	unsigned observed; /* bit N: part N is the one found on the host */
	enum hashing hashing;
	const struct snp_profile *profile;
};

/* --- what there is to try --- */

static int load_part(
	struct search *search, enum part part, size_t which, const char *path, struct err *err)
{
	int rc = 0;

	if (path == NULL && part != PART_INITRD)
		return 0;
	if (part == PART_FIRMWARE)
		rc = snp_image_read(path, &search->firmware[which], err);
	else if (part == PART_KERNEL)
		rc = kernel_hashes_kernel(path, search->kernel[which], err);
	else
		rc = kernel_hashes_initrd(path, search->initrd[which], err);
	search->has[part][which] = rc == 0;
	return rc;
}

static int load_own(struct search *search, struct err *err)
{
	const struct explanation *explanation = search->explanation;
	int rc = 0;

	for (int part = PART_FIRMWARE; rc == 0 && part <= PART_INITRD; part++) {
		AUTO_FREE char *path = NULL;

		rc = explain_input(explanation, part_names[part], &path, err);
		if (rc == 0)
			rc = load_part(search, (enum part)part, 0, path, err);
	}
	if (rc == 0 && search->has[PART_KERNEL][0]) {
		rc = explain_cmdline(explanation, &search->cmdline[0], err);
		search->has[PART_CMDLINE][0] = rc == 0;
	}
	return rc;
}

static int load_observed(struct search *search, struct err *err)
{
	const struct explain_observed *observed = &search->explanation->request->observed;
	int rc = load_part(search, PART_FIRMWARE, 1, observed->firmware, err);

	if (rc == 0)
		rc = load_part(search, PART_KERNEL, 1, observed->kernel, err);
	if (rc == 0 && observed->initrd != NULL)
		rc = load_part(search, PART_INITRD, 1, observed->initrd, err);
	if (rc == 0 && observed->cmdline != NULL) {
		buf_str(&search->cmdline[1], observed->cmdline);
		rc = buf_check(&search->cmdline[1], err);
		search->has[PART_CMDLINE][1] = rc == 0;
	}
	return rc;
}

static void add_signature(struct search *search, uint32_t signature)
{
	for (size_t i = 0; i < search->signature_count; i++) {
		if (search->signatures[i] == signature)
			return;
	}
	if (search->signature_count < CPUS_MAX)
		search->signatures[search->signature_count++] = signature;
}

static uint64_t shape_number(const struct explanation *explanation, const char *name)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(explanation->tuple, "shape"), name));

	return text != NULL ? strtoull(text, NULL, 16) : 0;
}

static int set_shapes(struct search *search, struct err *err)
{
	const struct snp_report *report = &search->explanation->request->snp;

	search->tuple_features = shape_number(search->explanation, "sev_features");
	search->features[search->feature_count++] = search->tuple_features;
	for (size_t i = 0; i < FEATURES_TRIED; i++) {
		if (features_tried[i] != search->tuple_features)
			search->features[search->feature_count++] = features_tried[i];
	}
	for (uint32_t i = 0; i < VCPUS_TRIED; i++)
		search->vcpus[i] = i + 1;
	add_signature(search, (uint32_t)shape_number(search->explanation, "cpu_signature"));
	if (report->has_cpuid)
		add_signature(search, snp_cpu_signature(report->cpuid_family, report->cpuid_model,
					      report->cpuid_stepping));
	while (search->cpu_count < CPUS_MAX &&
		snp_cpu_at(search->cpu_count, &search->cpus[search->cpu_count]))
		add_signature(search, search->cpus[search->cpu_count++].signature);
	search->hashes = calloc(VCPUS_TRIED, sizeof(*search->hashes));
	search->digests = calloc(search->signature_count * search->feature_count * VCPUS_TRIED,
		sizeof(*search->digests));
	if (search->hashes == NULL || search->digests == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return 0;
}

/* --- trying --- */

static bool is_observed(const struct departure *departure, enum part part)
{
	return (departure->observed >> part & 1) != 0;
}

/* The command line with N for every number behind nr_cpus=; false when it has none. */
static bool with_count(const struct buf *line, uint32_t count, struct buf *ret)
{
	static const char key[] = "nr_cpus=";
	const char *at = buf_cstr(line), *found;
	bool any = false;

	while ((found = strstr(at, key)) != NULL) {
		found += sizeof(key) - 1;
		buf_add(ret, at, (size_t)(found - at));
		buf_fmt(ret, "%u", count);
		at = found + strspn(found, "0123456789");
		any = true;
	}
	buf_str(ret, at);
	return any;
}

/* Fills the hashes of every count; false when this departure makes no sense. */
static int set_hashes(
	struct search *search, const struct departure *departure, bool *ret_usable, struct err *err)
{
	const struct buf *line = &search->cmdline[is_observed(departure, PART_CMDLINE)];
	bool usable = departure->hashing == HASHES_NONE;
	int rc = 0;

	if (!usable && (!search->has[PART_KERNEL][is_observed(departure, PART_KERNEL)] ||
			       !search->has[PART_CMDLINE][is_observed(departure, PART_CMDLINE)])) {
		*ret_usable = false;
		return 0;
	}
	for (uint32_t i = 0; rc == 0 && !usable && i < VCPUS_TRIED; i++) {
		struct kernel_hashes *hashes = &search->hashes[i];
		BUF_AUTO text = {0};

		memcpy(hashes->kernel, search->kernel[is_observed(departure, PART_KERNEL)],
			SHA256_SIZE);
		memcpy(hashes->initrd, search->initrd[is_observed(departure, PART_INITRD)],
			SHA256_SIZE);
		if (departure->hashing == HASHES_COUNT && !with_count(line, i + 1, &text)) {
			*ret_usable = false;
			return 0;
		}
		if (departure->hashing == HASHES_AS_IS)
			buf_add(&text, line->data, line->len);
		rc = kernel_hashes_cmdline(buf_cstr(&text), text.len, hashes->cmdline, err);
	}
	*ret_usable = true;
	return rc;
}

static int say(const struct search *search, const struct departure *departure, size_t signature,
	size_t feature, uint32_t vcpus, struct err *err)
{
	static const char about[] = "launch_digest";
	const struct explanation *explanation = search->explanation;
	const struct golden_entry *entry = explanation->entry;
	uint32_t found = search->signatures[signature];
	int rc = 0;

	if (vcpus != entry->vcpus)
		rc = explain_find(explanation, about, err, "%u vCPUs, not %llu", vcpus,
			(unsigned long long)entry->vcpus);
	if (rc == 0 && found != (uint32_t)shape_number(explanation, "cpu_signature")) {
		const char *name = "";

		for (size_t i = search->cpu_count; i-- > 0;)
			name = search->cpus[i].signature == found ? search->cpus[i].name : name;
		rc = explain_find(explanation, about, err, "CPU signature 0x%x (%s), not %s", found,
			*name != '\0' ? name : "the processor that the report names", entry->cpu);
	}
	if (rc == 0 && search->features[feature] != search->tuple_features)
		rc = explain_find(explanation, about, err, "SEV_FEATURES 0x%llx, not 0x%llx",
			(unsigned long long)search->features[feature],
			(unsigned long long)search->tuple_features);
	if (rc == 0 && strcmp(departure->profile->name, entry->vmm) != 0)
		rc = explain_find(explanation, about, err, "launched as by VMM profile %s, not %s",
			departure->profile->name, entry->vmm);
	if (rc == 0 && departure->hashing == HASHES_NONE)
		rc = explain_find(explanation, about, err,
			"without kernel hashes: kernel, initrd and command line were not measured");
	if (rc == 0 && departure->hashing == HASHES_COUNT)
		rc = explain_find(
			explanation, about, err, "nr_cpus= on the command line is %u", vcpus);
	for (int part = 0; rc == 0 && part < PARTS; part++) {
		if (is_observed(departure, (enum part)part))
			rc = explain_find(explanation, about, err,
				"the %s is the one that was found, not the build's",
				part_names[part]);
	}
	if (rc == 0 && is_observed(departure, PART_CMDLINE))
		rc = explain_words(explanation, buf_cstr(&search->cmdline[1]), err);
	return rc;
}

static int try_one(
	struct search *search, const struct departure *departure, bool *ret_found, struct err *err)
{
	struct snp_fleet fleet = {
		.launch = {.profile = departure->profile,
			.firmware = &search->firmware[is_observed(departure, PART_FIRMWARE)]},
		.hashes = departure->hashing == HASHES_NONE ? NULL : search->hashes,
		.hashes_per_count = true,
		.vcpus = search->vcpus,
		.vcpu_count = VCPUS_TRIED,
		.signatures = search->signatures,
		.signature_count = search->signature_count,
		.features = search->features,
		.feature_count = search->feature_count,
	};
	struct err unfit = {0};
	bool usable;
	int rc = set_hashes(search, departure, &usable, err);

	*ret_found = false;
	if (rc != 0 || !usable)
		return rc;
	if (snp_fleet_run(&fleet, search->digests, &unfit) != 0)
		return 0; /* this VMM would not launch it */
	for (size_t s = 0; s < fleet.signature_count; s++) {
		for (size_t f = 0; f < fleet.feature_count; f++) {
			for (size_t v = 0; v < fleet.vcpu_count; v++) {
				if (memcmp(search->digests[snp_fleet_at(&fleet, s, f, v)],
					    search->wanted, SHA384_SIZE) != 0)
					continue;
				*ret_found = true;
				return say(search, departure, s, f, search->vcpus[v], err);
			}
		}
	}
	return 0;
}

/* Whether every part that @observed names was given. */
static bool has_all(const struct search *search, unsigned observed)
{
	for (int part = 0; part < PARTS; part++) {
		if ((observed >> part & 1) != 0 && !search->has[part][1])
			return false;
	}
	return search->has[PART_FIRMWARE][observed & 1];
}

/* Tries everything that departs from the tuple in exactly @cost ways, shapes not counted. */
static int try_cost(struct search *search, unsigned cost, bool *ret_found, struct err *err)
{
	const char *vmm = search->explanation->entry->vmm;

	for (unsigned observed = 0; observed < 1u << PARTS; observed++) {
		for (int hashing = 0; hashing < HASHINGS; hashing++) {
			for (const struct snp_profile *p = snp_profile_next(NULL); p != NULL;
				p = snp_profile_next(p)) {
				struct departure departure = {observed, (enum hashing)hashing, p};
				unsigned departures = (unsigned)__builtin_popcount(observed) +
						      (hashing != HASHES_AS_IS) +
						      (strcmp(p->name, vmm) != 0);
				int rc;

				if (departures != cost || !has_all(search, observed) ||
					p->vmsa.svsm || (p->tees & SNP_TEE_SNP) == 0)
					continue;
				rc = try_one(search, &departure, ret_found, err);
				if (rc != 0 || *ret_found)
					return rc;
			}
		}
	}
	return 0;
}

int explain_snp(const struct explanation *explanation, struct err *err)
{
	SEARCH_AUTO *search = calloc(1, sizeof(*search));
	bool found = false;
	int rc = search == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;

	if (memcmp(explanation->entry->launch_digest, explanation->request->snp.measurement,
		    SHA384_SIZE) == 0)
		return 0;
	if (rc == 0 && explanation->request->dir == NULL)
		return explain_find(explanation, "launch_digest", err,
			"not explained: the build's files are needed (--build)");
	if (rc != 0)
		return rc;
	search->explanation = explanation;
	search->wanted = explanation->request->snp.measurement;
	rc = load_own(search, err);
	if (rc == 0)
		rc = load_observed(search, err);
	if (rc == 0)
		rc = set_shapes(search, err);
	for (unsigned cost = 0; rc == 0 && !found && cost <= PARTS + 2; cost++)
		rc = try_cost(search, cost, &found, err);
	if (rc != 0 || found)
		return rc;
	return explain_find(explanation, "launch_digest", err,
		"no vCPU count to %d, CPU model, SEV_FEATURES word or VMM profile gives this "
		"digest with "
		"these files: another firmware, kernel, initrd or command line was measured (give "
		"what "
		"the host has: --firmware, --kernel, --initrd, --cmdline-file)",
		VCPUS_TRIED);
}
