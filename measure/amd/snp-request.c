/* From options to launch digests (snp-request.h). */
#define _GNU_SOURCE
#include "measure/amd/snp-request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/opt.h"
#include "lib/pool.h"
#include "measure/amd/profile-firmware.h"
#include "measure/amd/sev.h"
#include "measure/amd/snp-meta.h"

#define CMDLINE_MAX  65536
#define LIST_MAX     256 /* CPUs or feature words of one run */
#define VCPUS_HOLDER "{vcpus}"

void snp_request_done(struct snp_request *request)
{
	snp_image_done(&request->firmware);
	snp_image_done(&request->svsm);
	buf_done(&request->cmdline);
	warn_done(&request->warn);
	free(request->hashes);
	free(request->vcpus);
	free(request->cpus);
	free(request->features);
	free(request->signatures);
	free(request->digests);
}

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

/* --- options that must or must not go together --- */

static int both(const char *one, const char *other, struct err *err)
{
	return err_fail(err, -EINVAL, "%s and %s exclude each other", one, other);
}

static int check_pairs(const struct snp_options *o, struct err *err)
{
	if (o->firmware != NULL && o->firmware_meta != NULL)
		return both("--firmware", "--firmware-meta", err);
	if (o->kernel != NULL && o->kernel_sha256 != NULL)
		return both("--kernel", "--kernel-sha256", err);
	if (o->initrd != NULL && o->initrd_sha256 != NULL)
		return both("--initrd", "--initrd-sha256", err);
	if (o->cmdline != NULL && o->cmdline_file != NULL)
		return both("--cmdline", "--cmdline-file", err);
	return 0;
}

static int check_payload(const struct snp_options *o, struct err *err)
{
	bool kernel = o->kernel != NULL || o->kernel_sha256 != NULL;

	if (!kernel && (o->initrd != NULL || o->initrd_sha256 != NULL))
		return err_fail(err, -EINVAL, "an initrd needs a kernel");
	if (!kernel && (o->cmdline != NULL || o->cmdline_file != NULL))
		return err_fail(err, -EINVAL, "a command line needs a kernel");
	if (kernel && o->no_kernel_hashes)
		return err_fail(
			err, -EINVAL, "--no-kernel-hashes with a kernel: it would run unmeasured");
	return 0;
}

static int check_options(const struct snp_request *request, struct err *err)
{
	const struct snp_options *o = request->options;
	bool svsm = request->profile->vmsa.svsm;
	int rc = check_pairs(o, err);

	if (rc == 0)
		rc = check_payload(o, err);
	if (rc != 0)
		return rc;
	if (o->firmware == NULL && o->firmware_meta == NULL)
		return err_fail(err, -EINVAL, "--firmware is missing");
	if (o->firmware_meta != NULL && request->tee != SNP_TEE_SNP)
		return err_fail(err, -EINVAL, "SEV and SEV-ES digests need the firmware file");
	if (!(request->profile->tees & request->tee))
		return err_fail(err, -EINVAL, "VMM profile %s is not for this kind of guest",
			request->profile->name);
	if (svsm && (o->svsm == NULL || o->vars_size_bytes == 0))
		return err_fail(err, -EINVAL, "VMM profile %s needs --svsm and --vars-size",
			request->profile->name);
	if (!svsm && (o->svsm != NULL || o->vars_size_bytes != 0))
		return err_fail(err, -EINVAL, "VMM profile %s takes no --svsm and --vars-size",
			request->profile->name);
	if (request->tee != SNP_TEE_SEV && o->vcpus == NULL)
		return err_fail(err, -EINVAL, "--vcpus is missing");
	return 0;
}

/* --- shapes --- */

static int load_vcpus(struct snp_request *request, struct err *err)
{
	const char *text = request->options->vcpus;
	uint64_t *counts AUTO_FREE = NULL;

	request->vcpus_given = text != NULL;
	if (!opt_ranges(text != NULL ? text : "1", SNP_VCPUS_MAX, &counts, &request->vcpu_count))
		return err_fail(err, -EINVAL, "--vcpus: %s is not a list such as 1,2,4-8", text);
	request->vcpus = calloc(request->vcpu_count, sizeof(*request->vcpus));
	if (request->vcpus == NULL)
		return out_of_memory(err);
	for (size_t i = 0; i < request->vcpu_count; i++) {
		if (counts[i] < 1 || counts[i] > SNP_VCPUS_MAX)
			return err_fail(err, -EINVAL, "--vcpus: %llu: a guest has 1 to %d",
				(unsigned long long)counts[i], SNP_VCPUS_MAX);
		request->vcpus[i] = (uint32_t)counts[i];
	}
	return 0;
}

static int all_cpus(struct snp_request *request)
{
	while (snp_cpu_at(request->cpu_count, &request->cpus[request->cpu_count]))
		request->cpu_count++;
	return 0;
}

/* Calls for each item of a comma-separated list. */
static int each_item(struct snp_request *request, const char *list,
	int (*item)(struct snp_request *, const char *, struct err *), struct err *err)
{
	char *copy AUTO_FREE = strdup(list);
	char *rest = copy, *word;
	int rc = 0;

	if (copy == NULL)
		return out_of_memory(err);
	while (rc == 0 && (word = strsep(&rest, ",")) != NULL)
		rc = item(request, word, err);
	return rc;
}

static int add_cpu(struct snp_request *request, const char *word, struct err *err)
{
	if (request->cpu_count == LIST_MAX)
		return err_fail(err, -EINVAL, "--cpu: more than %d", LIST_MAX);
	return snp_cpu_parse(word, &request->cpus[request->cpu_count++], err);
}

static int load_cpus(struct snp_request *request, struct err *err)
{
	const char *list = request->options->cpu;

	request->cpus = calloc(LIST_MAX, sizeof(*request->cpus));
	if (request->cpus == NULL)
		return out_of_memory(err);
	if (list != NULL)
		return strcmp(list, "all") == 0 ? all_cpus(request)
						: each_item(request, list, add_cpu, err);
	if (request->tee != SNP_TEE_SEV && request->profile->vmsa.rdx_is_signature)
		return err_fail(err, -EINVAL, "--cpu is missing");
	/* The digest does not depend on it. */
	snprintf(request->cpus[0].name, sizeof(request->cpus[0].name), "any");
	request->cpu_count = 1;
	return 0;
}

static int add_feature(struct snp_request *request, const char *word, struct err *err)
{
	if (request->feature_count == LIST_MAX)
		return err_fail(err, -EINVAL, "--sev-features: more than %d", LIST_MAX);
	if (strpbrk(word, "KMG") != NULL ||
		!opt_number(word, &request->features[request->feature_count++]))
		return err_fail(err, -EINVAL, "--sev-features: %s is not a number", word);
	return 0;
}

static int load_features(struct snp_request *request, struct err *err)
{
	const char *list = request->options->sev_features;

	request->features = calloc(LIST_MAX, sizeof(*request->features));
	if (request->features == NULL)
		return out_of_memory(err);
	if (list == NULL)
		list = request->tee == SNP_TEE_SNP ? "0x1" : "0x0";
	return each_item(request, list, add_feature, err);
}

/* CPU models that share a signature share their digests. */
static int load_signatures(struct snp_request *request, struct err *err)
{
	request->signatures = calloc(request->cpu_count, sizeof(*request->signatures));
	if (request->signatures == NULL)
		return out_of_memory(err);
	for (size_t i = 0; i < request->cpu_count; i++) {
		size_t at = 0;

		while (at < request->signature_count &&
			request->signatures[at] != request->cpus[i].signature)
			at++;
		request->signatures[at] = request->cpus[i].signature;
		if (at == request->signature_count)
			request->signature_count++;
	}
	return 0;
}

static size_t signature_of(const struct snp_request *request, size_t cpu)
{
	size_t at = 0;

	while (request->signatures[at] != request->cpus[cpu].signature)
		at++;
	return at;
}

/* --- inputs --- */

static int given_sha256(const char *option, const char *text, unsigned char *ret, struct err *err)
{
	if (!hex_decode(text, ret, SHA256_SIZE))
		return err_fail(err, -EINVAL, "%s: not 64 lowercase hex digits", option);
	return 0;
}

/* The files, the longest first, so that two threads are done about the same time. */
static int read_input(void *arg, size_t i, struct err *err)
{
	struct snp_request *request = arg;
	const struct snp_options *o = request->options;

	if (i == 0 && o->initrd != NULL)
		return kernel_hashes_initrd(o->initrd, request->hashes[0].initrd, err);
	if (i == 1 && o->kernel != NULL)
		return kernel_hashes_kernel(o->kernel, request->hashes[0].kernel, err);
	if (i == 2 && o->firmware != NULL)
		return snp_image_read(o->firmware, &request->firmware, err);
	if (i == 2)
		return snp_meta_read(o->firmware_meta, &request->firmware, err);
	if (i == 3 && o->svsm != NULL)
		return snp_image_read(o->svsm, &request->svsm, err);
	return 0;
}

static int read_cmdline(struct snp_request *request, struct err *err)
{
	const struct snp_options *o = request->options;
	struct buf *text = &request->cmdline;
	int rc;

	if (o->cmdline != NULL)
		buf_str(text, o->cmdline);
	if (o->cmdline_file == NULL)
		return buf_check(text, err);
	rc = io_read_file(o->cmdline_file, CMDLINE_MAX, text, err);
	if (rc != 0)
		return rc;
	if (memchr(buf_cstr(text), '\0', text->len) != NULL)
		return err_fail(err, -EINVAL, "%s: holds a NUL", o->cmdline_file);
	if (text->len > 0 && text->data[text->len - 1] == '\n')
		return err_fail(err, -EINVAL,
			"%s: ends in a newline, which would be measured with it", o->cmdline_file);
	return 0;
}

/* The command line of a guest with @vcpus. */
static int cmdline_hash(
	const struct snp_request *request, uint32_t vcpus, unsigned char *ret, struct err *err)
{
	const char *at = buf_cstr(&request->cmdline), *holder;
	BUF_AUTO text = {0};
	int rc;

	while ((holder = strstr(at, VCPUS_HOLDER)) != NULL) {
		buf_add(&text, at, (size_t)(holder - at));
		buf_fmt(&text, "%u", vcpus);
		at = holder + strlen(VCPUS_HOLDER);
	}
	buf_str(&text, at);
	rc = buf_check(&text, err);
	return rc != 0 ? rc : kernel_hashes_cmdline(buf_cstr(&text), text.len, ret, err);
}

static int load_cmdlines(struct snp_request *request, struct err *err)
{
	size_t count = request->hashes_per_count ? request->vcpu_count : 1;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		memcpy(request->hashes[i].kernel, request->hashes[0].kernel, SHA256_SIZE);
		memcpy(request->hashes[i].initrd, request->hashes[0].initrd, SHA256_SIZE);
		rc = cmdline_hash(request, request->vcpus[i], request->hashes[i].cmdline, err);
	}
	return rc;
}

static int load_given_hashes(struct snp_request *request, struct err *err)
{
	const struct snp_options *o = request->options;
	struct kernel_hashes *hashes = &request->hashes[0];
	int rc = 0;

	if (o->kernel_sha256 != NULL)
		rc = given_sha256("--kernel-sha256", o->kernel_sha256, hashes->kernel, err);
	if (rc == 0 && o->initrd_sha256 != NULL)
		return given_sha256("--initrd-sha256", o->initrd_sha256, hashes->initrd, err);
	if (rc == 0 && o->initrd == NULL)
		rc = kernel_hashes_initrd(NULL, hashes->initrd, err);
	return rc;
}

static int load_inputs(struct snp_request *request, struct err *err)
{
	const struct snp_options *o = request->options;
	int rc = read_cmdline(request, err);

	request->has_hashes = o->kernel != NULL || o->kernel_sha256 != NULL;
	request->hashes_per_count = request->has_hashes &&
				    strstr(buf_cstr(&request->cmdline), VCPUS_HOLDER) != NULL;
	request->hashes = calloc(
		request->hashes_per_count ? request->vcpu_count : 1, sizeof(*request->hashes));
	if (rc == 0 && request->hashes == NULL)
		return out_of_memory(err);
	if (rc == 0)
		rc = load_given_hashes(request, err);
	if (rc == 0)
		rc = pool_run(0, 4, read_input, request, err);
	if (rc == 0 && request->hashes_per_count && !request->vcpus_given)
		return err_fail(err, -EINVAL,
			"the command line has " VCPUS_HOLDER ", but there is no --vcpus");
	return rc != 0 ? rc : load_cmdlines(request, err);
}

int snp_request_load(struct snp_request *request, struct err *err)
{
	const char *vmm = request->options->vmm;
	int rc = snp_profile_find(vmm != NULL ? vmm : "qemu", &request->profile, err);

	if (rc == 0)
		rc = check_options(request, err);
	if (rc == 0)
		rc = load_vcpus(request, err);
	if (rc == 0)
		rc = load_cpus(request, err);
	if (rc == 0)
		rc = load_features(request, err);
	if (rc == 0)
		rc = load_signatures(request, err);
	if (rc == 0)
		rc = load_inputs(request, err);
	if (rc == 0 && request->tee == SNP_TEE_ES && vmm == NULL)
		warn_add(&request->warn,
			"SEV-ES as VMM profile qemu: with QEMU's default legacy-vm-type=auto the "
			"digest is that of --vmm qemu-es-legacy");
	return rc;
}

/* --- digests --- */

size_t snp_request_shapes(const struct snp_request *request)
{
	return request->cpu_count * request->feature_count * request->vcpu_count;
}

static size_t digest_at(
	const struct snp_request *request, size_t signature, size_t feature, size_t vcpu)
{
	return ((signature * request->feature_count + feature) * request->vcpu_count + vcpu) *
	       request->digest_size;
}

const unsigned char *snp_request_digest(
	const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu)
{
	return request->digests + digest_at(request, signature_of(request, cpu), feature, vcpu);
}

static const struct kernel_hashes *hashes_of(const struct snp_request *request, size_t vcpu)
{
	if (!request->has_hashes)
		return NULL;
	return &request->hashes[request->hashes_per_count ? vcpu : 0];
}

static int run_snp(struct snp_request *request, struct derive *derive, struct err *err)
{
	struct snp_fleet fleet = {
		.launch = {.profile = request->profile,
			.firmware = &request->firmware,
			.svsm = request->options->svsm != NULL ? &request->svsm : NULL,
			.vars_size_bytes = request->options->vars_size_bytes},
		.hashes = hashes_of(request, 0),
		.hashes_per_count = request->hashes_per_count,
		.vcpus = request->vcpus,
		.vcpu_count = request->vcpu_count,
		.signatures = request->signatures,
		.signature_count = request->signature_count,
		.features = request->features,
		.feature_count = request->feature_count,
	};
	struct snp_launch launch = fleet.launch;

	launch.hashes = fleet.hashes;
	snp_launch_warn(&launch, &request->warn);
	if (derive == NULL)
		return snp_fleet_run(&fleet, (unsigned char(*)[SHA384_SIZE])request->digests, err);
	launch.cpu_signature = request->signatures[0];
	launch.sev_features = request->features[0];
	launch.vcpus = request->vcpus[0];
	return snp_launch_digest(&launch, derive, request->digests, err);
}

/* What the shapes of plain SEV and SEV-ES share. */
struct sev_shapes {
	struct snp_request *request;
	struct derive *derive;
	struct digest prefix;
};

static int run_sev_shape(void *arg, size_t i, struct err *err)
{
	struct sev_shapes *shapes = arg;
	struct snp_request *request = shapes->request;
	size_t vcpu = i % request->vcpu_count, rest = i / request->vcpu_count;
	size_t feature = rest % request->feature_count, signature = rest / request->feature_count;
	struct sev_launch launch = {
		.profile = request->profile,
		.firmware_path = request->options->firmware,
		.prefix = &shapes->prefix,
		.facts = &request->firmware.facts,
		.hashes = hashes_of(request, vcpu),
		.es = request->tee == SNP_TEE_ES,
		.cpu_signature = request->signatures[signature],
		.sev_features = request->features[feature],
		.vcpus = request->vcpus[vcpu],
	};

	return sev_launch_digest(&launch, shapes->derive, request->digests + i * SHA256_SIZE, err);
}

static int run_sev(struct snp_request *request, struct derive *derive, struct err *err)
{
	struct sev_shapes shapes = {.request = request, .derive = derive};
	size_t count = request->signature_count * request->feature_count * request->vcpu_count;
	int rc = sev_firmware_prefix(request->options->firmware, &shapes.prefix, err);

	if (rc == 0)
		rc = pool_run(0, count, run_sev_shape, &shapes, err);
	digest_done(&shapes.prefix);
	if (firmware_known(request->firmware.sha256) == NULL)
		warn_add(&request->warn, "firmware is not a known build");
	if (!request->has_hashes && request->firmware.facts.hash_table_gpa != 0)
		warn_add(&request->warn,
			"firmware for measured direct boot, but no kernel is measured: the digest "
			"does not bind a payload");
	return rc;
}

int snp_request_run(struct snp_request *request, struct derive *derive, struct err *err)
{
	size_t shapes = request->signature_count * request->feature_count * request->vcpu_count;
	int rc;

	if (derive != NULL && snp_request_shapes(request) != 1)
		return err_fail(err, -EINVAL, "--explain is for one shape, not %zu",
			snp_request_shapes(request));
	if (snp_request_shapes(request) > SNP_FLEET_MAX)
		return err_fail(err, -EINVAL, "more than %u shapes", SNP_FLEET_MAX);
	request->digest_size = request->tee == SNP_TEE_SNP ? SHA384_SIZE : SHA256_SIZE;
	request->digests = calloc(shapes, request->digest_size);
	if (request->digests == NULL)
		return out_of_memory(err);
	rc = request->tee == SNP_TEE_SNP ? run_snp(request, derive, err)
					 : run_sev(request, derive, err);
	if (rc == 0 && request->options->strict && request->warn.count > 0)
		return err_fail(err, -EINVAL, "--strict: %s", request->warn.lines[0]);
	return rc;
}
