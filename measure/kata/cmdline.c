/* Kata's kernel command lines (cmdline.h). */
#define _GNU_SOURCE
#include "measure/kata/cmdline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/verity.h"
#include "lib/hex.h"

#define PARAMS_MAX  1024
#define SECTOR_SIZE 512

/* A parameter; one with an empty value is written without "=", as both runtimes do. */
struct param {
	char *key, *value;
};

struct params {
	struct param items[PARAMS_MAX];
	size_t count;
};

static void params_done(struct params *params)
{
	for (size_t i = 0; i < params->count; i++) {
		free(params->items[i].key);
		free(params->items[i].value);
	}
	params->count = 0;
}

/* Adds "key" or "key=value". */
static int params_add(struct params *params, const char *text, size_t len, struct err *err)
{
	const char *equals = memchr(text, '=', len);
	size_t key_len = equals != NULL ? (size_t)(equals - text) : len;
	size_t value_len = equals != NULL ? len - key_len - 1 : 0;
	struct param *param = &params->items[params->count];

	if (params->count == PARAMS_MAX)
		return err_fail(err, -EBADMSG, "more than %d kernel parameters", PARAMS_MAX);
	if (key_len == 0)
		return err_fail(err, -EBADMSG,
			"kernel parameter %.*s: no name, the runtime refuses it", (int)len, text);
	param->key = strndup(text, key_len);
	param->value = strndup(equals != NULL ? equals + 1 : "", value_len);
	if (param->key == NULL || param->value == NULL) {
		free(param->key);
		free(param->value);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	params->count++;
	return 0;
}

static int params_fmt(struct params *params, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static int params_fmt(struct params *params, struct err *err, const char *fmt, ...)
{
	char text[VERITY_PARAMS_TEXT_MAX + 256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return err_fail(err, -EBADMSG, "kernel parameter too long");
	return params_add(params, text, (size_t)len, err);
}

/* Removes those from @from on that have the key of @text. */
static void params_remove(struct params *params, size_t from, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	size_t key_len = equals != NULL ? (size_t)(equals - text) : len;
	size_t to = from;

	for (size_t i = from; i < params->count; i++) {
		struct param param = params->items[i];

		if (strlen(param.key) == key_len && memcmp(param.key, text, key_len) == 0) {
			free(param.key);
			free(param.value);
		} else {
			params->items[to++] = param;
		}
	}
	params->count = to;
}

/* The next word of *@at, split at spaces, those between quotes excepted when @quotes; NULL at the end. */
static const char *next_word(const char **at, bool quotes, size_t *ret_len)
{
	bool quoted = false;
	const char *start, *end;

	while (**at == ' ')
		(*at)++;
	if (**at == '\0')
		return NULL;
	start = end = *at;
	while (*end != '\0' && (quoted || *end != ' ')) {
		if (quotes && *end == '"')
			quoted = !quoted;
		end++;
	}
	*at = end;
	/* Both runtimes trim a word that an unclosed quote carried to the end. */
	while (end[-1] == ' ')
		end--;
	*ret_len = (size_t)(end - start);
	return start;
}

static int params_words(struct params *params, const char *text, bool quotes, struct err *err)
{
	const char *word;
	size_t len;

	while ((word = next_word(&text, quotes, &len)) != NULL) {
		int rc = params_add(params, word, len, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Spaces and visible ASCII only: what firmware and kernel measure of other bytes differs. */
static int check_text(const char *text, const char *what, struct err *err)
{
	for (size_t i = 0; text != NULL && text[i] != '\0'; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return err_fail(err, -EBADMSG, "%s: byte 0x%02x at offset %zu", what,
				(unsigned char)text[i], i);
	}
	return 0;
}

struct build {
	const struct cmdline_request *request;
	const struct kata_config *config;
	size_t version;
	bool quotes;
	size_t annotated; /* index of the first parameter that the annotation may replace */
	struct params params;
};

static void build_done(struct build *build)
{
	params_done(&build->params);
}

/* The image is an nvdimm or virtio-pmem device rather than a virtio-blk disk. */
static bool on_pmem(const struct build *build)
{
	if (build->request->runtime == KATA_RUST)
		return strcmp(build->config->vm_rootfs_driver, "virtio-pmem") == 0;
	return !build->config->confidential && !build->config->disable_image_nvdimm;
}

static int check_driver(const struct build *build, struct err *err)
{
	static const char *const disks[] = {"virtio-blk-pci", "virtio-blk-mmio", "virtio-pmem"};
	const char *driver = build->config->vm_rootfs_driver;

	if (build->request->runtime == KATA_GO)
		return 0;
	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		if (strcmp(driver, disks[i]) == 0)
			return 0;
	}
	return err_fail(
		err, -EINVAL, "vm_rootfs_driver %s: not one for a root file system", driver);
}

static const char *rootfs_flags(const char *type)
{
	static const struct {
		const char *type, *flags;
	} known[] = {
		{"ext4", "data=ordered,errors=remount-ro ro"},
		{"xfs", "ro"},
		{"erofs", "ro"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].type, type) == 0)
			return known[i].flags;
	}
	return NULL;
}

static int add_plain_root(
	struct build *build, const char *type, const char *flags, bool pmem, struct err *err)
{
	const char *dax = pmem ? strcmp(type, "ext4") == 0 ? "dax," : "dax " : "";
	int rc = params_fmt(&build->params, err, "root=%s", pmem ? "/dev/pmem0p1" : "/dev/vda1");

	if (rc == 0)
		rc = params_fmt(&build->params, err, "rootflags=%s%s", dax, flags);
	if (rc == 0)
		rc = params_fmt(&build->params, err, "rootfstype=%s", type);
	return rc;
}

static int add_root(struct build *build, struct err *err)
{
	const char *type = build->config->rootfs_type;
	const char *line = build->config->verity_params;
	char root_hash[2 * SHA256_SIZE + 1], salt[2 * VERITY_SALT_MAX + 1];
	bool pmem = on_pmem(build);
	struct verity_params verity;
	const char *flags;
	int rc;

	if (type == NULL || *type == '\0')
		type = "ext4";
	flags = rootfs_flags(type);
	if (flags == NULL)
		return err_fail(err, -EINVAL, "rootfs type %s: not ext4, xfs or erofs", type);
	rc = check_driver(build, err);
	if (rc != 0)
		return rc;
	if (line == NULL || *line == '\0')
		return add_plain_root(build, type, flags, pmem, err);
	if (!kata_has(build->request->runtime, build->version, KATA_HAS_VERITY_PARAMS))
		return err_fail(err, -ENOTSUP,
			"Kata %s has no kernel_verity_params (3.27.0 has): give rootfs_verity.* in "
			"kernel_params",
			build->request->version);
	rc = verity_params_parse(line, strlen(line), "verity parameters", &verity, err);
	if (rc != 0)
		return rc;
	hex_encode(verity.root_hash, SHA256_SIZE, root_hash);
	hex_encode(verity.salt, verity.salt_bytes, salt);
	rc = params_fmt(&build->params, err,
		"dm-mod.create=\"dm-verity,,,ro,0 %llu verity 1 %s %s %u %u %llu 0 sha256 %s %s\"",
		(unsigned long long)(verity.data_blocks * (VERITY_BLOCK_SIZE / SECTOR_SIZE)),
		pmem ? "/dev/pmem0p1" : "/dev/vda1", pmem ? "/dev/pmem0p2" : "/dev/vda2",
		VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE, (unsigned long long)verity.data_blocks,
		root_hash, salt);
	if (rc == 0)
		rc = params_fmt(&build->params, err, "root=/dev/dm-0");
	if (rc == 0)
		rc = params_fmt(&build->params, err, "rootflags=%s", flags);
	if (rc == 0)
		rc = params_fmt(&build->params, err, "rootfstype=%s", type);
	return rc;
}

static int add_nr_cpus(struct build *build, const char *name, struct err *err)
{
	uint32_t cpus = build->request->vcpus;

	if (!build->config->static_sizing)
		cpus = build->config->default_maxvcpus;
	if (cpus == 0 || cpus > CMDLINE_VCPUS_MAX)
		return err_fail(err, -EINVAL,
			"%s depends on the host: give the vCPUs, or set default_maxvcpus", name);
	return params_fmt(&build->params, err, "%s=%u", name, cpus);
}

static int add_extensions(struct build *build, struct err *err)
{
	const struct kata_config *config = build->config;

	if (config->extension_count > 0 &&
		!kata_has(build->request->runtime, build->version, KATA_HAS_EXTENSIONS))
		return err_fail(err, -ENOTSUP, "Kata %s has no extension images (4.0.0 has)",
			build->request->version);
	for (size_t i = 0; i < config->extension_count; i++) {
		const struct kata_extension *extension = &config->extensions[i];
		int rc;

		if (extension->verity_params == NULL)
			return err_fail(err, -EINVAL,
				"extension %s: Kata %s boots it, so its verity parameters are "
				"needed",
				extension->name, build->request->version);
		rc = params_fmt(&build->params, err, "kata.extension.%s.verity_params=%s",
			extension->name, extension->verity_params);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int add_mem_agent(struct build *build, const char *prefix, struct err *err)
{
	const struct kata_config *config = build->config;
	bool written = false; /* agent.mem_agent_enable, in its place between the others */
	int rc;

	for (size_t i = 0; i <= config->mem_agent_count; i++) {
		const struct kata_mem_agent *item = &config->mem_agent[i];
		bool end = i == config->mem_agent_count;

		if (!written && (end || strcmp(item->name, "enable") > 0)) {
			rc = params_fmt(&build->params, err, "%senable=1", prefix);
			if (rc != 0)
				return rc;
			written = true;
		}
		if (end)
			return 0;
		rc = params_fmt(&build->params, err, "%s%s=%s", prefix, item->name, item->value);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Go: each parameter of the annotation removes what has its key, then is appended. */
static int add_annotation(struct build *build, struct err *err)
{
	const char *at = build->request->annotation != NULL ? build->request->annotation : "";
	const char *word;
	size_t len;

	while ((word = next_word(&at, false, &len)) != NULL) {
		int rc;

		params_remove(&build->params, build->annotated, word, len);
		rc = params_add(&build->params, word, len, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Rust: splits both at every space, removes what has the key of any of the annotation's, appends all of those. */
static int add_replaced(struct build *build, struct err *err)
{
	const char *annotation = build->request->annotation;
	const char *at = annotation, *word;
	BUF_AUTO text = {0};
	struct params kept __attribute__((cleanup(params_done))) = {.count = 0};
	size_t len;
	int rc;

	if (annotation == NULL || *annotation == '\0')
		return params_words(
			&build->params, build->config->kernel_params, build->quotes, err);
	rc = params_words(&kept, build->config->kernel_params, false, err);
	if (rc != 0)
		return rc;
	while ((word = next_word(&at, false, &len)) != NULL)
		params_remove(&kept, 0, word, len);
	for (size_t i = 0; i < kept.count; i++)
		buf_fmt(&text, "%s%s%s ", kept.items[i].key,
			*kept.items[i].value != '\0' ? "=" : "", kept.items[i].value);
	buf_str(&text, annotation);
	rc = buf_check(&text, err);
	if (rc != 0)
		return rc;
	return params_words(&build->params, buf_cstr(&text), build->quotes, err);
}

static int add_number(
	struct build *build, const struct kata_part *part, unsigned divisor, struct err *err)
{
	uint32_t value;

	memcpy(&value, (const char *)build->config + part->at, sizeof(value));
	if (value == 0)
		return 0;
	return params_fmt(&build->params, err, "%s=%u", part->text, value / divisor);
}

static int add_part(struct build *build, const struct kata_part *part, struct err *err)
{
	switch (part->value) {
	case KATA_TEXT:
		return params_add(&build->params, part->text, strlen(part->text), err);
	case KATA_ROOT:
		return add_root(build, err);
	case KATA_NR_CPUS:
		return add_nr_cpus(build, part->text, err);
	case KATA_NUMBER:
		return add_number(build, part, 1, err);
	case KATA_MILLISECONDS:
		return add_number(build, part, 1000, err);
	case KATA_MEM_AGENT:
		return add_mem_agent(build, part->text, err);
	case KATA_USER:
		return params_words(
			&build->params, build->config->kernel_params, build->quotes, err);
	case KATA_USER_REPLACED:
		return add_replaced(build, err);
	case KATA_EXTENSIONS:
		return add_extensions(build, err);
	case KATA_ANNOTATED:
		build->annotated = build->params.count;
		return 0;
	case KATA_ANNOTATION:
		return add_annotation(build, err);
	}
	return err_fail(err, -EINVAL, "unusable part of a command line");
}

static unsigned conditions(const struct cmdline_request *request)
{
	const struct kata_config *config = request->config;
	const struct {
		bool holds;
		unsigned bit;
	} rows[] = {
		{config->image != NULL && *config->image != '\0', KATA_WHEN_IMAGE},
		{config->debug, KATA_WHEN_DEBUG},
		{config->legacy_serial, KATA_WHEN_LEGACY_SERIAL},
		{config->iommu, KATA_WHEN_IOMMU},
		{config->disable_guest_selinux, KATA_WHEN_NO_SELINUX},
		{strcmp(config->block_device_driver, "virtio-scsi") == 0, KATA_WHEN_SCSI},
		{config->agent_debug, KATA_WHEN_AGENT_DEBUG},
		{config->agent_trace, KATA_WHEN_AGENT_TRACE},
		{config->debug_console, KATA_WHEN_DEBUG_CONSOLE},
		{config->visible_cdi_devices, KATA_WHEN_CDI},
		{config->confidential, KATA_WHEN_CONFIDENTIAL},
		{config->mem_agent_enable, KATA_WHEN_MEM_AGENT},
		{request->fips, KATA_WHEN_FIPS},
	};
	unsigned when = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		when |= rows[i].holds ? rows[i].bit : 0;
	return when;
}

static int check_boot(const struct kata_config *config, unsigned when, struct err *err)
{
	bool image = (when & KATA_WHEN_IMAGE) != 0;
	bool initrd = config->initrd != NULL && *config->initrd != '\0';

	if (image == initrd)
		return err_fail(err, -EINVAL,
			image ? "both an image and an initrd are configured"
			      : "neither an image nor an initrd is configured");
	if (initrd && config->verity_params != NULL && *config->verity_params != '\0')
		return err_fail(err, -EINVAL,
			"verity parameters, but an initrd is configured (as shipped for qemu-snp "
			"before 3.29.0)");
	return 0;
}

/* The Rust runtime of 3.25.0 keeps the agent's parameters in a map whose order changes from run to run. */
static int check_order(const struct build *build, unsigned when, struct err *err)
{
	const struct kata_config *config = build->config;
	bool several = (when & (KATA_WHEN_DEBUG_CONSOLE | KATA_WHEN_MEM_AGENT)) != 0;
	int single = config->agent_debug + config->agent_trace + (config->container_pipe_size != 0);

	if (kata_has(build->request->runtime, build->version, KATA_HAS_STABLE_ORDER) ||
		(!several && single < 2))
		return 0;
	return err_fail(err, -ENOTSUP,
		"Kata %s: the Rust runtime puts several agent parameters in a random order; 3.26.0 "
		"sorts them",
		build->request->version);
}

static int check_inputs(const struct cmdline_request *request, struct err *err)
{
	int rc = check_text(request->config->kernel_params, "kernel_params", err);

	if (rc == 0)
		rc = check_text(request->annotation, "kernel_params annotation", err);
	return rc;
}

static int append_line(const struct params *params, struct buf *ret, struct err *err)
{
	BUF_AUTO line = {0};
	int rc;

	for (size_t i = 0; i < params->count; i++) {
		const struct param *param = &params->items[i];

		buf_fmt(&line, "%s%s%s%s", i == 0 ? "" : " ", param->key,
			*param->value != '\0' ? "=" : "", param->value);
	}
	rc = buf_check(&line, err);
	if (rc == 0)
		rc = check_text(buf_cstr(&line), "command line", err);
	if (rc != 0)
		return rc;
	if (line.len > CMDLINE_MAX)
		return err_fail(err, -EBADMSG,
			"a command line of %zu bytes: the kernel cuts it after %d", line.len,
			CMDLINE_MAX);
	buf_add(ret, line.data, line.len);
	return buf_check(ret, err);
}

int cmdline_kata(const struct cmdline_request *request, struct buf *ret, struct err *err)
{
	struct build *build __attribute__((cleanup(buf_free_ptr))) = calloc(1, sizeof(*build));
	unsigned when = conditions(request);
	int rc;

	if (build == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	build->request = request;
	build->config = request->config;
	rc = kata_version_find(request->version, &build->version, err);
	if (rc != 0)
		return rc;
	build->quotes = kata_has(request->runtime, build->version, KATA_HAS_QUOTES);
	rc = check_inputs(request, err);
	if (rc == 0)
		rc = check_boot(request->config, when, err);
	if (rc == 0)
		rc = check_order(build, when, err);
	for (const struct kata_part *part = kata_parts(request->runtime);
		rc == 0 && part->text != NULL; part++) {
		if ((part->when & ~when) == 0 && (part->unless & when) == 0 &&
			kata_in_range(build->version, part->since, part->until))
			rc = add_part(build, part, err);
	}
	if (rc == 0)
		rc = append_line(&build->params, ret, err);
	build_done(build);
	return rc;
}
