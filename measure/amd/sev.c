/* SEV and SEV-ES launch digests (sev.h). */
#include "measure/amd/sev.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "lib/io.h"
#include "lib/wr.h"
#include "measure/amd/snp.h"
#include "measure/amd/vmsa.h"

#define CHUNK		    (1u << 16)
#define CONTEXT_MEASUREMENT 0x04
#define KEYED_SIZE	    (1 + 3 + 4 + SHA256_SIZE + SEV_NONCE_SIZE)

static int check(const struct sev_launch *launch, struct err *err)
{
	enum snp_tee tee = launch->es ? SNP_TEE_ES : SNP_TEE_SEV;

	if (!(launch->profile->tees & tee))
		return err_fail(err, -EINVAL, "VMM profile %s is not for %s", launch->profile->name,
			launch->es ? "SEV-ES" : "SEV");
	if (launch->hashes != NULL && launch->facts->hash_table_gpa == 0)
		return err_fail(err, -EBADMSG,
			"firmware has no kernel hash table entry: the kernel would run unmeasured");
	if (launch->hashes != NULL && launch->facts->hash_table_size < KERNEL_HASHES_SIZE)
		return err_fail(err, -EBADMSG,
			"firmware: %u bytes for a kernel hash table of %d at GPA 0x%x",
			launch->facts->hash_table_size, KERNEL_HASHES_SIZE,
			launch->facts->hash_table_gpa);
	if (!launch->es)
		return 0;
	if (launch->facts->reset_eip == 0)
		return err_fail(err, -EBADMSG, "firmware has no SEV-ES reset block");
	if (launch->vcpus < 1 || launch->vcpus > SNP_VCPUS_MAX)
		return err_fail(err, -EINVAL, "%u vCPUs: a guest has 1 to %d", launch->vcpus,
			SNP_VCPUS_MAX);
	return 0;
}

/* Adds a stretch of bytes to the digest; recorded with its own SHA-256. */
static int add(struct digest *digest, struct derive *derive, const char *kind, const char *what,
	const unsigned char *bytes, size_t n, struct err *err)
{
	struct derive_step step = {.kind = kind, .gpa = DERIVE_NO_GPA, .size_bytes = n};
	int rc = digest_update(digest, bytes, n, err);

	if (rc != 0 || derive == NULL)
		return rc;
	step.content_size = SHA256_SIZE;
	rc = digest_bytes(DIGEST_SHA256, bytes, n, step.content, err);
	if (rc == 0)
		derive_add(derive, &step, "%s", what);
	return rc;
}

static int add_file(struct digest *digest, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	unsigned char chunk[CHUNK];
	uint64_t size, at = 0;
	int rc = io_open(path, &fd, &size, err);

	while (rc == 0 && at < size) {
		size_t n = size - at < sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);

		rc = io_pread(fd, path, chunk, n, at, err);
		if (rc == 0)
			rc = digest_update(digest, chunk, n, err);
		at += n;
	}
	return rc;
}

int sev_firmware_prefix(const char *path, struct digest *ret, struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	if (rc == 0)
		rc = add_file(&digest, path, err);
	if (rc != 0)
		return rc;
	*ret = digest;
	digest = (struct digest){0};
	return 0;
}

static int record_firmware(const struct sev_launch *launch, struct derive *derive, struct err *err)
{
	struct derive_step step = {.kind = "FIRMWARE", .content_size = SHA256_SIZE};
	int rc = io_digest_file(
		launch->firmware_path, DIGEST_SHA256, step.content, &step.size_bytes, err);

	if (rc != 0)
		return rc;
	step.gpa = SNP_FOUR_GIB - step.size_bytes;
	derive_add(derive, &step, "firmware");
	return 0;
}

/* Begins @digest with the firmware. */
static int add_firmware(const struct sev_launch *launch, struct derive *derive,
	struct digest *digest, struct err *err)
{
	int rc = launch->prefix != NULL ? digest_copy(launch->prefix, digest, err)
					: sev_firmware_prefix(launch->firmware_path, digest, err);

	return rc != 0 || derive == NULL ? rc : record_firmware(launch, derive, err);
}

static int add_vmsas(struct digest *digest, struct derive *derive, const struct sev_launch *launch,
	struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < launch->vcpus; i++) {
		struct vmsa_input in = {
			.model = &launch->profile->vmsa,
			.bsp = i == 0,
			.eip = i == 0 ? VMSA_RESET_EIP : launch->facts->reset_eip,
			.cpu_signature = launch->cpu_signature,
			.sev_features = launch->sev_features,
		};
		unsigned char page[VMSA_SIZE];

		vmsa_write(&in, page);
		rc = add(digest, derive, "VMSA", i == 0 ? "boot processor" : "other processors",
			page, sizeof(page), err);
	}
	return rc;
}

int sev_launch_digest(const struct sev_launch *launch, struct derive *derive,
	unsigned char ret[SHA256_SIZE], struct err *err)
{
	unsigned char table[KERNEL_HASHES_SIZE];
	DIGEST_AUTO digest = {0};
	int rc = check(launch, err);

	if (rc == 0)
		rc = add_firmware(launch, derive, &digest, err);
	if (rc == 0 && launch->hashes != NULL) {
		kernel_hashes_write(launch->hashes, table);
		rc = add(&digest, derive, "DATA", "kernel hash table", table, sizeof(table), err);
	}
	if (rc == 0 && launch->es)
		rc = add_vmsas(&digest, derive, launch, err);
	return rc != 0 ? rc : digest_end(&digest, ret, err);
}

int sev_keyed_measurement(
	const struct sev_keyed *keyed, unsigned char ret[SHA256_SIZE], struct err *err)
{
	unsigned char message[KEYED_SIZE];
	struct wr wr = wr_init(message, sizeof(message));

	wr_u8(&wr, CONTEXT_MEASUREMENT);
	wr_u8(&wr, keyed->api_major);
	wr_u8(&wr, keyed->api_minor);
	wr_u8(&wr, keyed->build);
	wr_le32(&wr, keyed->policy);
	wr_bytes(&wr, keyed->digest, SHA256_SIZE);
	wr_bytes(&wr, keyed->nonce, SEV_NONCE_SIZE);
	if (HMAC(EVP_sha256(), keyed->tik, SEV_TIK_SIZE, message, sizeof(message), ret, NULL) ==
		NULL)
		return err_fail(err, -ENOMEM, "libcrypto failed to compute an HMAC");
	return 0;
}
