/* A fleet's digests, however its work is shared, are those of its shapes measured one by one. */
#define _GNU_SOURCE
#include "measure/amd/snp-fleet.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/io.h"
#include "tests/tap.h"
#include "tests/unit/fake-ovmf.h"

static const uint32_t counts[] = {1, 2, 130, 3, 64, 65, 7, 1};
static const uint32_t signatures[] = {0x800f12, 0xa00f11, 0xb00f00};
static const uint64_t features[] = {0x1, 0x21, UINT64_MAX};

#define COUNTS	   (sizeof(counts) / sizeof(counts[0]))
#define SIGNATURES (sizeof(signatures) / sizeof(signatures[0]))
#define FEATURES   (sizeof(features) / sizeof(features[0]))

static struct snp_image firmware;
static struct kernel_hashes hashes[COUNTS];

static struct snp_fleet make(const char *vmm)
{
	struct snp_fleet fleet = {
		.launch = {.firmware = &firmware},
		.vcpus = counts,
		.vcpu_count = COUNTS,
		.signatures = signatures,
		.signature_count = SIGNATURES,
		.features = features,
		.feature_count = FEATURES,
	};
	struct err err = {0};

	if (snp_profile_find(vmm, &fleet.launch.profile, &err) != 0)
		abort();
	return fleet;
}

static bool same_as_alone(const struct snp_fleet *fleet, unsigned char (*digests)[SHA384_SIZE])
{
	for (size_t s = 0; s < fleet->signature_count; s++)
		for (size_t f = 0; f < fleet->feature_count; f++)
			for (size_t v = 0; v < fleet->vcpu_count; v++) {
				struct snp_launch launch = fleet->launch;
				unsigned char alone[SHA384_SIZE];
				struct err err = {0};

				launch.cpu_signature = signatures[s];
				launch.sev_features = features[f];
				launch.vcpus = counts[v];
				if (fleet->hashes != NULL)
					launch.hashes =
						&fleet->hashes[fleet->hashes_per_count ? v : 0];
				if (snp_launch_digest(&launch, NULL, alone, &err) != 0 ||
					memcmp(alone, digests[snp_fleet_at(fleet, s, f, v)],
						SHA384_SIZE) != 0)
					return false;
			}
	return true;
}

static void check(const struct snp_fleet *fleet, const char *what)
{
	static unsigned char digests[SIGNATURES * FEATURES * COUNTS][SHA384_SIZE];
	struct err err = {0};

	memset(digests, 0, sizeof(digests));
	if (snp_fleet_run(fleet, digests, &err) != 0)
		ok(false, "%s: %s", what, err.msg);
	else
		ok(same_as_alone(fleet, digests), "%s", what);
}

static void refused(const struct snp_fleet *fleet, const char *message, const char *what)
{
	static unsigned char digests[SIGNATURES * FEATURES * COUNTS][SHA384_SIZE];
	struct err err = {0};

	ok(snp_fleet_run(fleet, digests, &err) < 0 && strstr(err.msg, message) != NULL,
		"%s: refused", what);
}

static void test_refusals(void)
{
	static const uint32_t none[] = {0};
	struct snp_fleet fleet = make("qemu");

	fleet.vcpus = none;
	fleet.vcpu_count = 1;
	refused(&fleet, "0 vCPUs", "no vCPU");
	fleet = make("qemu");
	fleet.feature_count = 0;
	refused(&fleet, "no shape", "no feature word");
	fleet = make("qemu");
	fleet.signature_count = SNP_FLEET_MAX;
	refused(&fleet, "more than", "too many shapes");
	fleet = make("qemu-es-legacy");
	refused(&fleet, "not for SNP", "a profile that is not for SNP");
}

int main(void)
{
	char path[] = "/tmp/assay-test-fleet-XXXXXX";
	struct fake_ovmf fake = fake_ovmf_good();
	unsigned char *bytes = malloc(fake.size_bytes);
	struct snp_fleet fleet;
	struct err err = {0};
	int fd = mkstemp(path);

	if (fd < 0 || bytes == NULL)
		return 1;
	io_close(&fd);
	fake_ovmf_write(&fake, bytes);
	if (io_publish(path, bytes, fake.size_bytes, &err) != 0 ||
		snp_image_read(path, &firmware, &err) != 0)
		return 1;
	for (size_t i = 0; i < COUNTS; i++)
		memset(&hashes[i], (int)i + 1, sizeof(hashes[i]));
	fleet = make("qemu");
	check(&fleet, "no kernel");
	fleet.hashes = hashes;
	check(&fleet, "one command line");
	fleet.hashes_per_count = true;
	check(&fleet, "a command line for each count");
	fleet = make("gce-genoa");
	check(&fleet, "another VMM");
	test_refusals();
	snp_image_done(&firmware);
	free(bytes);
	remove(path);
	return tap_done();
}
