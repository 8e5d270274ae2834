/* assay measure sev-launch: the keyed launch measurement of SEV and SEV-ES guests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/opt.h"
#include "measure/amd/sev.h"
#include "measure/cmd.h"

struct options {
	const char *digest, *tik, *nonce, *api;
	uint64_t policy, build;
};

/* "1.51": two numbers of 8 bits. */
static int read_api(const char *text, struct sev_keyed *keyed, struct err *err)
{
	unsigned major, minor;
	char end;

	if (text == NULL || strspn(text, "0123456789.") != strlen(text) || strlen(text) > 7 ||
		sscanf(text, "%u.%u%c", &major, &minor, &end) != 2 || major > UINT8_MAX ||
		minor > UINT8_MAX)
		return err_fail(err, -EINVAL, "--api: needs MAJOR.MINOR");
	keyed->api_major = (uint8_t)major;
	keyed->api_minor = (uint8_t)minor;
	return 0;
}

static int read_tik(const char *path, struct sev_keyed *keyed, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc;

	if (path == NULL)
		return err_fail(err, -EINVAL, "--tik is missing");
	rc = io_read_file(path, SEV_TIK_SIZE, &bytes, err);
	if (rc != 0)
		return rc;
	if (bytes.len != SEV_TIK_SIZE)
		return err_fail(err, -EBADMSG, "%s: a TIK has %d bytes, not %zu", path,
			SEV_TIK_SIZE, bytes.len);
	memcpy(keyed->tik, bytes.data, SEV_TIK_SIZE);
	return 0;
}

static int read_options(const struct options *o, struct sev_keyed *keyed, struct err *err)
{
	if (o->digest == NULL || !hex_decode(o->digest, keyed->digest, SHA256_SIZE))
		return err_fail(err, -EINVAL, "--digest: needs 64 lowercase hex digits");
	if (o->nonce == NULL || !hex_decode(o->nonce, keyed->nonce, SEV_NONCE_SIZE))
		return err_fail(err, -EINVAL, "--nonce: needs 32 lowercase hex digits");
	if (o->policy > UINT32_MAX)
		return err_fail(err, -EINVAL, "--policy: needs a number of 32 bits");
	if (o->build > UINT8_MAX)
		return err_fail(err, -EINVAL, "--build: needs a number of 8 bits");
	keyed->policy = (uint32_t)o->policy;
	keyed->build = (uint8_t)o->build;
	return read_api(o->api, keyed, err);
}

static int measure(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	unsigned char measurement[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct sev_keyed keyed = {.policy = 0};
	int rc = read_options(o, &keyed, err);

	(void)args;
	(void)count;
	if (rc == 0)
		rc = read_tik(o->tik, &keyed, err);
	if (rc == 0)
		rc = sev_keyed_measurement(&keyed, measurement, err);
	if (rc != 0)
		return rc;
	hex_encode(measurement, sizeof(measurement), hex);
	buf_fmt(&ret->text, "%s\n", hex);
	return 0;
}

int cmd_measure_sev_launch(int argc, char **argv)
{
	struct options o = {.policy = UINT64_MAX, .build = UINT64_MAX};
	const struct opt opts[] = {
		{"digest", 'd', OPT_STR, &o.digest, "HEX", "launch digest of the guest"},
		{"tik", 0, OPT_STR, &o.tik, "FILE", "transport integrity key, 16 bytes"},
		{"policy", 0, OPT_U64, &o.policy, "N", "guest policy"},
		{"nonce", 0, OPT_STR, &o.nonce, "HEX",
			"what the platform gave with its measurement"},
		{"api", 0, OPT_STR, &o.api, "MAJOR.MINOR", "SEV API version of the platform"},
		{"build", 0, OPT_U64, &o.build, "N", "its build number"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "measure sev-launch --digest HEX --tik FILE --policy N --nonce HEX --api "
			 "M.m --build N",
		.summary =
			"Computes the launch measurement that a SEV or SEV-ES platform must show "
			"its guest's owner.",
		.opts = opts,
	};

	return cli_run(&verb, argc, argv, measure, &o);
}
