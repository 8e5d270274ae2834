/* From a build and a deployment target to the golden document (target.h). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/initdata.h"
#include "formats/rego.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/snp.h"
#include "measure/golden/golden-doc.h"
#include "measure/golden/golden-tdx.h"
#include "measure/golden/target.h"
#include "measure/kata/cmdline.h"

#define SMALL_FILE_MAX	    (64u << 10)
#define POLICY_MIGRATE_MA   (UINT64_C(1) << 18)
#define POLICY_DEBUG	    (UINT64_C(1) << 19)
#define POLICY_RESERVED_ONE (UINT64_C(1) << 17)

/* What the guests of one launch have in common with one command line: measured once for all roles. */
struct tdx_set {
	struct buf cmdline;
	struct golden_tdx tdx;
};

struct tdx_sets {
	struct golden_part firmware;
	struct acpi_layout layout;
	char *acpi_path;       /* owned: of a directory of tables */
	char *variables_path;  /* owned */
	struct tdx_set *items; /* owned; NULL: not measured yet */
	size_t count;
	bool named_vcpus, named_memory; /* in the tuples' names */
};

static void tdx_sets_done(struct tdx_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++) {
		buf_done(&sets->items[i].cmdline);
		golden_tdx_done(&sets->items[i].tdx);
	}
	free(sets->items);
	free(sets->acpi_path);
	free(sets->variables_path);
	free(sets->firmware.path);
}

struct work {
	const struct target *target;
	const char *base, *dir;
	json_t *manifest; /* owned */
	const char *name; /* of the build */
	struct golden_part kernel, initrd, cmdline;
	struct buf cmdline_text, verity;
	struct kata_config config; /* of [kata] */
	enum kata_runtime runtime;
	size_t version;
	struct tdx_sets *tdx; /* owned: for each launch */
	json_t *doc, *tuples; /* doc is owned */
	struct golden_outputs outputs;
};

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

static void work_done(struct work *work)
{
	free(work->kernel.path);
	free(work->initrd.path);
	free(work->cmdline.path);
	buf_done(&work->cmdline_text);
	buf_done(&work->verity);
	kata_config_done(&work->config);
	for (size_t i = 0; work->tdx != NULL && i < work->target->launch_count; i++)
		tdx_sets_done(&work->tdx[i]);
	free(work->tdx);
	json_decref(work->manifest);
	json_decref(work->doc);
	golden_outputs_done(&work->outputs);
}

static char *join(const char *dir, const char *name)
{
	char *path;

	if (*name == '/')
		return strdup(name);
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* --- the build --- */

static int read_manifest(struct work *work, unsigned char ret[SHA256_SIZE], struct err *err)
{
	char *path AUTO_FREE = join(work->dir, "manifest.json");
	BUF_AUTO text = {0};
	int rc = path == NULL ? out_of_memory(err) : 0;

	if (rc == 0)
		rc = io_read_file(path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text.data, text.len, ret, err);
	if (rc == 0)
		rc = json_doc_parse(text.data, text.len, path, &work->manifest, err);
	if (rc == 0)
		rc = json_doc_str(work->manifest, "$", "name", &work->name, err);
	return rc;
}

/* Reads a small output of the build, which is one line of text. */
static int read_line(struct work *work, const char *name, struct golden_part *part, struct buf *ret,
	struct err *err)
{
	int rc = golden_part(work->dir, work->manifest, name, part, err);

	if (rc == 0)
		rc = io_read_file(part->path, SMALL_FILE_MAX, ret, err);
	if (rc == 0 && (memchr(buf_cstr(ret), '\0', ret->len) != NULL ||
			       memchr(buf_cstr(ret), '\n', ret->len) != NULL))
		rc = err_fail(err, -EBADMSG, "%s: more than one line", part->path);
	return rc;
}

static void part_done(struct golden_part *part)
{
	free(part->path);
}

static int read_verity(struct work *work, struct err *err)
{
	struct golden_part part __attribute__((cleanup(part_done))) = {.path = NULL};

	return read_line(work, "kernel_verity_params", &part, &work->verity, err);
}

/* Kata boots the image alone; without [kata] it is the build's own command line, and its initrd if it has one. */
static int read_parts(struct work *work, struct err *err)
{
	const json_t *outputs = json_object_get(work->manifest, "outputs");
	int rc = golden_part(work->dir, work->manifest, "vmlinuz", &work->kernel, err);

	if (rc == 0 && work->target->kata.present)
		return read_verity(work, err);
	if (rc == 0 && json_object_get(outputs, "initrd.img") != NULL)
		rc = golden_part(work->dir, work->manifest, "initrd.img", &work->initrd, err);
	if (rc == 0)
		rc = read_line(work, "cmdline", &work->cmdline, &work->cmdline_text, err);
	return rc;
}

/* --- Kata --- */

static int find_names(struct work *work, enum kata_class *ret_class, struct err *err)
{
	const struct target_kata *kata = &work->target->kata;
	int runtime = 0, class = 0;

	while (runtime < KATA_RUNTIMES &&
		strcmp(kata_runtime_name((enum kata_runtime)runtime), kata->runtime) != 0)
		runtime++;
	while (class < KATA_CLASSES &&
		strcmp(kata_class_name((enum kata_class) class), kata->class) != 0)
		class ++;
	if (runtime == KATA_RUNTIMES)
		return err_fail(err, -EINVAL, "kata.runtime: %s, not go or rust", kata->runtime);
	if (class == KATA_CLASSES)
		return err_fail(err, -EINVAL,
			"kata.class: %s, not qemu-snp, qemu-tdx or qemu-coco-dev", kata->class);
	work->runtime = (enum kata_runtime)runtime;
	*ret_class = (enum kata_class) class;
	return kata_version_find(kata->version, &work->version, err);
}

static int read_config(struct work *work, enum kata_class class, struct err *err)
{
	const char *name = work->target->kata.config;
	char *path AUTO_FREE = name != NULL ? join(work->base, name) : NULL;
	BUF_AUTO text = {0};
	int rc;

	if (name == NULL)
		return kata_config_shipped(work->runtime, work->version, class, &work->config, err);
	if (path == NULL)
		return out_of_memory(err);
	rc = kata_config_missing(work->runtime, work->version, &work->config, err);
	if (rc == 0)
		rc = io_read_file(path, CMDLINE_CONFIG_MAX, &text, err);
	if (rc == 0)
		rc = cmdline_config_read(text.data, text.len, path, work->runtime, work->version,
			&work->config, err);
	return rc;
}

static int replace(char **slot, const char *text, struct err *err)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text == NULL)
		return 0;
	if (copy == NULL)
		return out_of_memory(err);
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_up_kata(struct work *work, struct err *err)
{
	const struct target_kata *kata = &work->target->kata;
	enum kata_class class = KATA_SNP;
	int rc = find_names(work, &class, err);

	if (rc == 0)
		rc = read_config(work, class, err);
	if (rc == 0)
		rc = replace(&work->config.verity_params, buf_cstr(&work->verity), err);
	if (rc == 0)
		rc = replace(&work->config.rootfs_type, kata->rootfs_type, err);
	if (rc == 0)
		rc = replace(&work->config.kernel_params, kata->kernel_params, err);
	for (size_t i = 0; rc == 0 && i < kata->extensions.count; i++) {
		const char *text = kata->extensions.items[i];
		const char *equals = strchr(text, '=');

		rc = equals == NULL
			     ? err_fail(err, -EINVAL, "kata.extensions: %s: not NAME=LINE", text)
			     : cmdline_config_extension(&work->config, text,
				       (size_t)(equals - text), equals + 1, err);
	}
	work->config.debug_console |= kata->debug_console;
	return rc;
}

/* The command line that a guest of @vcpus boots with. */
static int make_cmdline(const struct work *work, uint32_t vcpus, struct buf *ret, struct err *err)
{
	if (!work->target->kata.present) {
		buf_add(ret, work->cmdline_text.data, work->cmdline_text.len);
		return buf_check(ret, err);
	}
	return cmdline_kata(&(struct cmdline_request){.version = work->target->kata.version,
				    .runtime = work->runtime,
				    .config = &work->config,
				    .vcpus = vcpus,
				    .annotation = work->target->kata.annotation,
				    .fips = work->target->kata.fips},
		ret, err);
}

/* --- roles --- */

struct anchor {
	bool has;
	unsigned char snp[INITDATA_DIGEST_MAX], tdx[INITDATA_DIGEST_MAX];
};

/* The agent takes the policy of initdata in place of the image's, so a verifier's reader of the image should know. */
static int compare_policy(struct work *work, const struct target_role *role,
	const struct initdata *initdata, struct err *err)
{
	const char *policy = initdata_get(initdata, INITDATA_POLICY);
	const json_t *baked = json_object_get(work->manifest, "policy");
	const char *want = json_string_value(json_object_get(baked, "sha256"));
	unsigned char digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct rego_policy read;
	int rc;

	if (policy == NULL)
		return 0;
	rc = rego_read(policy, strlen(policy), INITDATA_POLICY, &read, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, policy, strlen(policy), digest, err);
	if (rc != 0)
		return err_wrap(err, "%s", role->initdata);
	hex_encode(digest, sizeof(digest), hex);
	if (want == NULL || strcmp(hex, want) != 0)
		warn_add(&work->outputs.warn,
			"role %s: its initdata brings a policy in place of the image's, %s%s",
			role->name, want != NULL ? "and they differ" : "which has none",
			rego_is_locked(&read) ? "" : "; it is not locked");
	return 0;
}

static int read_anchor(
	struct work *work, const struct target_role *role, struct anchor *ret, struct err *err)
{
	char *path AUTO_FREE = NULL;
	INITDATA_AUTO initdata = {0};
	BUF_AUTO text = {0};
	int rc;

	if (role == NULL || role->initdata == NULL)
		return 0;
	path = join(work->base, role->initdata);
	if (path == NULL)
		return out_of_memory(err);
	rc = io_read_file(path, INITDATA_BYTES_MAX, &text, err);
	if (rc == 0)
		rc = initdata_parse(text.data, text.len, path, &initdata, err);
	if (rc == 0)
		rc = compare_policy(work, role, &initdata, err);
	if (rc == 0)
		rc = initdata_digest(
			text.data, text.len, initdata.algorithm, INITDATA_SNP, ret->snp, err);
	if (rc == 0)
		rc = initdata_digest(
			text.data, text.len, initdata.algorithm, INITDATA_TDX, ret->tdx, err);
	ret->has = rc == 0;
	return rc;
}

/* --- tuples --- */

/* The files behind a tuple; a command line that Kata makes is named by its own digest. */
static json_t *inputs_json(
	const struct work *work, const struct golden_part *firmware, const struct buf *cmdline)
{
	json_t *inputs = json_pack("{s:o, s:o}", "firmware", golden_part_json(firmware), "kernel",
		golden_part_json(&work->kernel));
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	if (!work->target->kata.present) {
		if (work->initrd.path != NULL)
			json_object_set_new(inputs, "initrd", golden_part_json(&work->initrd));
		json_object_set_new(inputs, "cmdline", golden_part_json(&work->cmdline));
	} else if (digest_bytes(DIGEST_SHA256, cmdline->data, cmdline->len, digest, &err) == 0) {
		json_object_set_new(inputs, "cmdline",
			json_pack("{s:s, s:o}", "text", buf_cstr(cmdline), "sha256",
				json_doc_hex_new(digest, SHA256_SIZE)));
	}
	return inputs;
}

/* "BUILD[-ROLE][-TEE N]-SHAPE", fit for a file name. malloc'ed. */
static char *tuple_name(
	const struct work *work, const struct target_role *role, size_t launch, const char *shape)
{
	bool several = work->target->launch_count > 1;
	char number[24];
	char *name;

	snprintf(number, sizeof(number), "-l%zu", launch + 1);
	if (asprintf(&name, "%s%s%s%s%s", work->name, role != NULL ? "-" : "",
		    role != NULL ? role->name : "", several ? number : "", shape) < 0)
		return NULL;
	for (char *at = name; *at != '\0'; at++)
		*at = *at == '/' ? '.' : *at;
	return name;
}

/* Adds @tuple (taken over) under the name, with what its role says. */
static int add_tuple(struct work *work, json_t *tuple, const char *name,
	const struct target_role *role, const struct anchor *anchor, bool tdx, struct err *err)
{
	JSON_AUTO *owned = tuple;
	json_t *anchors;

	if (owned == NULL || json_object_set_new(owned, "name", json_string(name)) != 0 ||
		(role != NULL && json_object_set_new(owned, "role", json_string(role->name)) != 0))
		return out_of_memory(err);
	if (anchor->has) {
		anchors = json_pack("{s:o}", tdx ? "mrconfigid" : "host_data",
			tdx ? json_doc_hex_new(anchor->tdx, initdata_digest_size(INITDATA_TDX))
			    : json_doc_hex_new(anchor->snp, initdata_digest_size(INITDATA_SNP)));
		if (json_object_set_new(owned, "anchors", anchors) != 0)
			return out_of_memory(err);
	}
	return json_array_append(work->tuples, owned) == 0 ? 0 : out_of_memory(err);
}

/* --- SNP --- */

struct snp_run {
	const struct target_launch *launch;
	size_t index;
	struct golden_part firmware_part;
	struct snp_image firmware;
	struct snp_launch shape;
	struct kernel_hashes hashes;
	uint64_t policy;
};

static void snp_run_done(struct snp_run *run)
{
	free(run->firmware_part.path);
	snp_image_done(&run->firmware);
}

static int read_number(const char *text, const char *what, uint64_t *ret, struct err *err)
{
	size_t digits;

	if (text == NULL)
		return 0;
	digits = strncmp(text, "0x", 2) == 0 ? strspn(text + 2, "0123456789abcdef") : 0;
	if (digits == 0 || digits > 16 || text[2 + digits] != '\0')
		return err_fail(err, -EBADMSG, "%s: %s is not a 0x number", what, text);
	*ret = strtoull(text + 2, NULL, 16);
	return 0;
}

static int check_policy(uint64_t policy, struct err *err)
{
	if ((policy & POLICY_RESERVED_ONE) == 0)
		return err_fail(err, -EINVAL, "guest_policy 0x%llx: bit 17 must be one",
			(unsigned long long)policy);
	if ((policy & (POLICY_DEBUG | POLICY_MIGRATE_MA)) != 0)
		return err_fail(err, -EKEYREJECTED,
			"guest_policy 0x%llx: the host could read the guest's memory (DEBUG, "
			"MIGRATE_MA)",
			(unsigned long long)policy);
	return 0;
}

static int open_snp(const struct work *work, struct snp_run *run, struct err *err)
{
	int rc = golden_part(
		work->dir, work->manifest, run->launch->firmware, &run->firmware_part, err);

	run->policy = GOLDEN_GUEST_POLICY;
	run->shape.sev_features = SNP_FEATURES_DEFAULT;
	if (rc == 0)
		rc = read_number(
			run->launch->sev_features, "sev_features", &run->shape.sev_features, err);
	if (rc == 0)
		rc = read_number(run->launch->guest_policy, "guest_policy", &run->policy, err);
	if (rc == 0)
		rc = check_policy(run->policy, err);
	if (rc == 0)
		rc = snp_profile_find(run->launch->vmm, &run->shape.profile, err);
	if (rc == 0)
		rc = snp_image_read(run->firmware_part.path, &run->firmware, err);
	if (rc == 0)
		rc = kernel_hashes_kernel(work->kernel.path, run->hashes.kernel, err);
	if (rc == 0)
		rc = kernel_hashes_initrd(work->initrd.path, run->hashes.initrd, err);
	run->shape.firmware = &run->firmware;
	run->shape.hashes = &run->hashes;
	return rc;
}

static int add_snp(struct work *work, struct snp_run *run, const struct target_role *role,
	const struct anchor *anchor, const struct snp_cpu *cpu, uint32_t vcpus, struct err *err)
{
	DERIVE_AUTO derive = {.name = "launch_digest", .alg = DIGEST_SHA384};
	unsigned char digest[SHA384_SIZE];
	BUF_AUTO cmdline = {0};
	char *shape AUTO_FREE = NULL;
	char *name AUTO_FREE = NULL;
	int rc = make_cmdline(work, vcpus, &cmdline, err);

	if (rc == 0)
		rc = kernel_hashes_cmdline(
			buf_cstr(&cmdline), cmdline.len, run->hashes.cmdline, err);
	run->shape.vcpus = vcpus;
	run->shape.cpu_signature = cpu->signature;
	if (rc == 0)
		rc = snp_launch_digest(&run->shape, &derive, digest, err);
	if (rc != 0)
		return rc;
	if (asprintf(&shape, "%s%s-smp%u", run->launch->cpus.count > 1 ? "-" : "",
		    run->launch->cpus.count > 1 ? cpu->name : "", vcpus) < 0) {
		shape = NULL;
		return out_of_memory(err);
	}
	name = tuple_name(work, role, run->index, shape);
	if (name == NULL)
		return out_of_memory(err);
	rc = add_tuple(work,
		golden_snp_tuple(&run->shape, cpu->name, run->policy,
			inputs_json(work, &run->firmware_part, &cmdline), digest),
		name, role, anchor, false, err);
	return rc == 0 ? golden_derivation(&work->outputs, name, &derive, digest, err) : rc;
}

/* The distinct vCPU counts of a launch, in the order given. */
static int list_vcpus(const struct work *work, const struct target_launch *launch, uint32_t *ret,
	size_t *ret_count, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < launch->vcpu_count + launch->limits.count; i++) {
		struct cmdline_limits limits = {.milli_cpus = 0};
		const char *limit = i < launch->vcpu_count ? NULL : launch->limits.items[i];
		uint32_t vcpus = i < launch->vcpu_count ? launch->vcpus[i] : 0;
		size_t k = 0;
		int rc = 0;

		if (limit != NULL && strcmp(limit, "none") != 0 &&
			!cmdline_cpu_parse(limit, &limits.milli_cpus))
			return err_fail(
				err, -EBADMSG, "pod_cpu_limits: %s is not a CPU quantity", limit);
		if (limit != NULL)
			rc = cmdline_vcpus(
				work->runtime, work->version, &work->config, &limits, &vcpus, err);
		if (rc != 0)
			return rc;
		if (vcpus < 1 || vcpus > SNP_VCPUS_MAX)
			return err_fail(
				err, -EBADMSG, "vcpus: %u, not 1 to %d", vcpus, SNP_VCPUS_MAX);
		while (k < count && ret[k] != vcpus)
			k++;
		ret[k] = vcpus;
		count += k == count;
	}
	*ret_count = count;
	return 0;
}

static int run_snp(struct work *work, size_t index, const struct target_role *role,
	const struct anchor *anchor, struct err *err)
{
	struct snp_run run __attribute__((cleanup(snp_run_done))) = {
		.launch = &work->target->launches[index], .index = index};
	uint32_t vcpus[TARGET_SHAPES_MAX];
	size_t count = 0;
	int rc = open_snp(work, &run, err);

	if (rc == 0)
		rc = list_vcpus(work, run.launch, vcpus, &count, err);
	if (rc == 0 && (role == NULL || role == work->target->roles))
		snp_launch_warn(&run.shape, &work->outputs.warn);
	for (size_t i = 0; rc == 0 && i < run.launch->cpus.count; i++) {
		struct snp_cpu cpu;

		rc = snp_cpu_parse(run.launch->cpus.items[i], &cpu, err);
		for (size_t k = 0; rc == 0 && k < count; k++)
			rc = add_snp(work, &run, role, anchor, &cpu, vcpus[k], err);
	}
	return rc;
}

/* --- TDX --- */

/* Whether the command line is another one for another number of vCPUs. */
static int depends_on_vcpus(const struct work *work, bool *ret, struct err *err)
{
	BUF_AUTO one = {0}, two = {0};
	int rc = make_cmdline(work, 1, &one, err);

	if (rc == 0)
		rc = make_cmdline(work, 2, &two, err);
	*ret = rc == 0 && (one.len != two.len || memcmp(one.data, two.data, one.len) != 0);
	return rc;
}

/* What all shapes of the launch are measured with. */
static int tdx_input(const struct work *work, const struct target_launch *launch,
	struct tdx_sets *sets, struct tdx_input *ret, struct err *err)
{
	int rc = golden_part(work->dir, work->manifest, launch->firmware, &sets->firmware, err);

	*ret = (struct tdx_input){.firmware = sets->firmware.path,
		.kernel = work->kernel.path,
		.initrd = work->initrd.path,
		.vmm = launch->vmm,
		.firmware_generation = launch->generation,
		.processor_id = launch->has_processor ? launch->processor_id : NULL};
	if (rc == 0 && launch->uefi_variables != NULL) {
		sets->variables_path = join(work->base, launch->uefi_variables);
		ret->secure_boot_vars = sets->variables_path;
		rc = sets->variables_path == NULL ? out_of_memory(err) : 0;
	}
	if (rc == 0 && launch->acpi != NULL)
		rc = golden_tdx_acpi(launch->acpi, launch->qemu, &sets->layout, ret, err);
	if (rc == 0 && ret->acpi_dir != NULL) {
		sets->acpi_path = join(work->base, launch->acpi);
		ret->acpi_dir = sets->acpi_path;
		rc = ret->acpi_dir == NULL ? out_of_memory(err) : 0;
	}
	return rc;
}

/* Measures the shapes of vCPU counts [@first, @first + @count) with all memory sizes, which share one command line. */
static int measure_set(const struct work *work, const struct target_launch *launch,
	const struct tdx_input *in, size_t first, size_t count, struct tdx_sets *sets,
	struct err *err)
{
	size_t sizes = launch->memory_count > 0 ? launch->memory_count : 1;
	struct tdx_size *shapes AUTO_FREE = calloc(count * sizes, sizeof(*shapes));
	struct tdx_set *set = &sets->items[sets->count];
	struct tdx_input input = *in;
	int rc = shapes == NULL ? out_of_memory(err) : 0;

	for (size_t i = 0; rc == 0 && i < count * sizes; i++)
		shapes[i] = (struct tdx_size){
			.vcpus = sets->named_vcpus ? launch->vcpus[first + i / sizes] : 0,
			.memory_bytes = launch->memory_count > 0 ? launch->memory[i % sizes] : 0};
	if (rc == 0)
		rc = make_cmdline(work, shapes[0].vcpus, &set->cmdline, err);
	sets->count++;
	input.cmdline = buf_cstr(&set->cmdline);
	return rc != 0 ? rc
		       : golden_tdx_measure(
				 &input, shapes, count * sizes, &sets->firmware, &set->tdx, err);
}

static int check_shapes(const struct target_launch *launch, bool depends, struct err *err)
{
	if (depends && launch->vcpu_count == 0)
		return err_fail(err, -EINVAL,
			"launch.tdx: this Kata's command line names the vCPUs: vcpus is missing");
	if (launch->acpi != NULL && (launch->vcpu_count == 0 || launch->memory_count == 0))
		return err_fail(err, -EINVAL,
			"launch.tdx: ACPI tables depend on vcpus and memory_bytes: both are "
			"needed");
	return 0;
}

/* vCPUs reach the registers through the command line and through ACPI tables alone. */
static int measure_tdx(const struct work *work, const struct target_launch *launch,
	struct tdx_sets *sets, struct err *err)
{
	struct tdx_input in;
	bool depends = false;
	size_t each, groups;
	int rc = depends_on_vcpus(work, &depends, err);

	if (rc == 0)
		rc = check_shapes(launch, depends, err);
	if (rc == 0)
		rc = tdx_input(work, launch, sets, &in, err);
	if (rc != 0)
		return rc;
	sets->named_vcpus = depends || launch->acpi != NULL;
	sets->named_memory = launch->memory_count > 1;
	groups = depends ? launch->vcpu_count : 1;
	each = depends || launch->acpi == NULL ? 1 : launch->vcpu_count;
	sets->items = calloc(groups, sizeof(*sets->items));
	if (sets->items == NULL)
		return out_of_memory(err);
	for (size_t i = 0; rc == 0 && i < groups; i++)
		rc = measure_set(work, launch, &in, i, each, sets, err);
	return rc;
}

static int add_tdx(struct work *work, size_t index, const struct target_role *role,
	const struct anchor *anchor, const struct tdx_sets *sets, const struct tdx_set *set,
	size_t i, struct err *err)
{
	const struct tdx_size *size = &set->tdx.sizes[i];
	BUF_AUTO shape = {0};
	char *name AUTO_FREE = NULL;
	int rc;

	buf_str(&shape, "-tdx");
	if (sets->named_vcpus)
		buf_fmt(&shape, "-smp%u", size->vcpus);
	if (sets->named_memory)
		buf_fmt(&shape, "-%lluM", (unsigned long long)(size->memory_bytes >> 20));
	rc = buf_check(&shape, err);
	if (rc != 0)
		return rc;
	name = tuple_name(work, role, index, buf_cstr(&shape));
	if (name == NULL)
		return out_of_memory(err);
	rc = add_tuple(work,
		golden_tdx_tuple(&set->tdx, i, inputs_json(work, &sets->firmware, &set->cmdline)),
		name, role, anchor, true, err);
	return rc != 0 ? rc : golden_tdx_derivations(&set->tdx, i, name, &work->outputs, err);
}

static int run_tdx(struct work *work, size_t index, const struct target_role *role,
	const struct anchor *anchor, struct err *err)
{
	struct tdx_sets *sets = &work->tdx[index];
	int rc = sets->items != NULL ? 0
				     : measure_tdx(work, &work->target->launches[index], sets, err);

	for (size_t k = 0; rc == 0 && k < sets->count; k++)
		for (size_t i = 0; rc == 0 && i < sets->items[k].tdx.count; i++)
			rc = add_tdx(work, index, role, anchor, sets, &sets->items[k], i, err);
	return rc;
}

/* --- the document --- */

static int run_role(struct work *work, const struct target_role *role, struct err *err)
{
	struct anchor anchor = {.has = false};
	int rc = read_anchor(work, role, &anchor, err);

	for (size_t i = 0; rc == 0 && i < work->target->launch_count; i++)
		rc = work->target->launches[i].tdx ? run_tdx(work, i, role, &anchor, err)
						   : run_snp(work, i, role, &anchor, err);
	return rc;
}

static int put_target(struct work *work, const unsigned char *sha256, struct err *err)
{
	const struct target *target = work->target;
	json_t *named = json_pack("{s:s, s:o, s:s*, s:s*}", "name", target->name, "sha256",
		json_doc_hex_new(sha256, SHA256_SIZE), "kata_version", target->kata.version,
		"runtime", target->kata.runtime);
	json_t *validity = json_pack(
		"{s:s*, s:s*}", "not_before", target->not_before, "not_after", target->not_after);
	bool bounded = target->not_before != NULL || target->not_after != NULL;
	int rc = json_object_set_new(work->doc, "target", named);

	if (rc == 0 && target->platform != NULL)
		rc = json_object_set(work->doc, "platform", target->platform);
	if (rc == 0 && bounded)
		rc = json_object_set(work->doc, "validity", validity);
	json_decref(validity);
	return rc == 0 ? 0 : out_of_memory(err);
}

static int begin_document(struct work *work, const unsigned char *sha256, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	int rc = read_manifest(work, digest, err);

	if (rc == 0)
		rc = golden_document(work->manifest, work->name, digest, &work->doc, err);
	work->tuples = json_object_get(work->doc, "tuples");
	if (rc == 0)
		rc = put_target(work, sha256, err);
	return rc;
}

/* What was made must be readable, and its roles must be told apart. */
static int check_document(const json_t *doc, struct err *err)
{
	GOLDEN_DOC_AUTO read = {.json = NULL};

	return golden_doc_from_json(doc, &read, err);
}

int target_golden(const struct target *target, const char *base,
	const unsigned char sha256[SHA256_SIZE], const char *dir, struct golden_outputs *ret,
	struct err *err)
{
	struct work work
		__attribute__((cleanup(work_done))) = {.target = target, .base = base, .dir = dir};
	int rc = begin_document(&work, sha256, err);

	work.tdx = calloc(target->launch_count, sizeof(*work.tdx));
	if (rc == 0 && work.tdx == NULL)
		rc = out_of_memory(err);
	if (rc == 0)
		rc = read_parts(&work, err);
	if (rc == 0 && target->kata.present)
		rc = set_up_kata(&work, err);
	if (rc == 0 && target->role_count == 0)
		rc = run_role(&work, NULL, err);
	for (size_t i = 0; rc == 0 && i < target->role_count; i++)
		rc = run_role(&work, &target->roles[i], err);
	if (rc == 0)
		rc = check_document(work.doc, err);
	if (rc == 0)
		rc = golden_output_json(&work.outputs, strdup("golden.json"), work.doc, err);
	if (rc != 0)
		return rc;
	*ret = work.outputs;
	work.outputs = (struct golden_outputs){.count = 0};
	return 0;
}
