/* assay measure snp, sev-es and sev: launch digests of AMD guests, for one shape or a whole fleet. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/amd/profile-firmware.h"
#include "measure/amd/snp-request.h"
#include "measure/cmd.h"

#define OUT_CHUNK (1u << 16) /* a fleet's rows go out in pieces of this size */

/* Results, written in pieces; the first failure is kept. */
struct out {
	struct buf pending;
	bool failed;
};

static void out_flush(struct out *out)
{
	if (out->pending.bad ||
		fwrite(out->pending.data, 1, out->pending.len, stdout) != out->pending.len)
		out->failed = true;
	out->pending.len = 0;
}

static void out_row_done(struct out *out)
{
	if (out->pending.len >= OUT_CHUNK)
		out_flush(out);
}

static int out_finish(struct out *out, struct err *err)
{
	if (out->pending.len > 0)
		out_flush(out);
	buf_done(&out->pending);
	if (out->failed || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return 0;
}

typedef void row_fn(
	struct buf *to, const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu);

/* Calls @row for every shape, CPUs outermost. @between stands between two rows. */
static void each_shape(
	const struct snp_request *request, row_fn *row, const char *between, struct out *out)
{
	bool first = true;

	for (size_t cpu = 0; cpu < request->cpu_count; cpu++)
		for (size_t feature = 0; feature < request->feature_count; feature++)
			for (size_t vcpu = 0; vcpu < request->vcpu_count; vcpu++) {
				if (!first)
					buf_str(&out->pending, between);
				first = false;
				row(&out->pending, request, cpu, feature, vcpu);
				out_row_done(out);
			}
}

static void add_digest(
	struct buf *to, const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu)
{
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(snp_request_digest(request, cpu, feature, vcpu), request->digest_size, hex);
	buf_str(to, hex);
}

static void text_row(
	struct buf *to, const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu)
{
	add_digest(to, request, cpu, feature, vcpu);
	if (snp_request_shapes(request) > 1) {
		buf_fmt(to, "  vcpus=%u cpu=%s vmm=%s", request->vcpus[vcpu],
			request->cpus[cpu].name, request->profile->name);
		if (request->feature_count > 1)
			buf_fmt(to, " sev_features=0x%llx",
				(unsigned long long)request->features[feature]);
	}
	buf_str(to, "\n");
}

/* A row in the canonical form of lib/json.h: keys sorted, six spaces deep. Names of CPUs need no escaping. */
static void json_row(
	struct buf *to, const struct snp_request *request, size_t cpu, size_t feature, size_t vcpu)
{
	char hex[2 * SHA256_SIZE + 1];

	buf_str(to, "    {\n");
	if (request->hashes_per_count) {
		hex_encode(request->hashes[vcpu].cmdline, SHA256_SIZE, hex);
		buf_fmt(to, "      \"cmdline_sha256\": \"%s\",\n", hex);
	}
	if (request->tee != SNP_TEE_SEV)
		buf_fmt(to, "      \"cpu\": \"%s\",\n      \"cpu_signature\": \"0x%x\",\n",
			request->cpus[cpu].name, request->cpus[cpu].signature);
	buf_str(to, "      \"launch_digest\": \"");
	add_digest(to, request, cpu, feature, vcpu);
	buf_str(to, "\"");
	if (request->tee != SNP_TEE_SEV)
		buf_fmt(to, ",\n      \"sev_features\": \"0x%llx\"",
			(unsigned long long)request->features[feature]);
	if (request->vcpus_given)
		buf_fmt(to, ",\n      \"vcpus\": %u", request->vcpus[vcpu]);
	buf_str(to, "\n    }");
}

static const char *tee_name(const struct snp_request *request)
{
	if (request->tee == SNP_TEE_SNP)
		return "sev-snp";
	return request->tee == SNP_TEE_ES ? "sev-es" : "sev";
}

static json_t *image_json(const struct snp_image *image, const char *path)
{
	const char *build;

	if (!image->from_file)
		return json_pack("{s:s, s:o}", "metadata", path, "launch_digest",
			json_doc_hex_new(image->seed, SHA384_SIZE));
	build = firmware_known(image->sha256);
	return json_pack("{s:s, s:o, s:I, s:s?}", "path", path, "sha256",
		json_doc_hex_new(image->sha256, SHA256_SIZE), "size_bytes",
		(json_int_t)image->size_bytes, "build", build);
}

static json_t *file_json(const char *path, const unsigned char *sha256)
{
	return json_pack(
		"{s:s?, s:o}", "path", path, "sha256", json_doc_hex_new(sha256, SHA256_SIZE));
}

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool set_payload(json_t *inputs, const struct snp_request *request)
{
	const struct snp_options *o = request->options;
	const struct kernel_hashes *hashes = &request->hashes[0];
	json_t *cmdline;

	if (!request->has_hashes)
		return true;
	cmdline = json_pack("{s:s}", "text", buf_cstr(&request->cmdline));
	if (!request->hashes_per_count &&
		!set(cmdline, "sha256", json_doc_hex_new(hashes->cmdline, SHA256_SIZE)))
		return false;
	return set(inputs, "kernel", file_json(o->kernel, hashes->kernel)) &&
	       set(inputs, "initrd", file_json(o->initrd, hashes->initrd)) &&
	       set(inputs, "cmdline", cmdline);
}

/* The document without its rows. */
static int make_document(const struct snp_request *request, const struct derive *derive,
	json_t **ret, struct err *err)
{
	const struct snp_options *o = request->options;
	const char *firmware = o->firmware != NULL ? o->firmware : o->firmware_meta;
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:[], s:[], s:{s:o}}", "schema",
		"assay-measurement/1", "tee", tee_name(request), "vmm", request->profile->name,
		"measurements", "warnings", "inputs", "firmware",
		image_json(&request->firmware, firmware));
	json_t *inputs = json_object_get(doc, "inputs"), *steps;
	int rc;

	if (inputs == NULL || !set_payload(inputs, request) ||
		(o->svsm != NULL && !set(inputs, "svsm", image_json(&request->svsm, o->svsm))))
		return err_fail(
			err, -EINVAL, "the inputs do not fit JSON (a name that is not UTF-8?)");
	for (size_t i = 0; i < request->warn.count; i++)
		if (json_array_append_new(json_object_get(doc, "warnings"),
			    json_string(request->warn.lines[i])) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	if (derive != NULL) {
		rc = derive_steps_json(derive, &steps, err);
		if (rc != 0)
			return rc;
		if (!set(doc, "steps", steps))
			return err_fail(err, -ENOMEM, "out of memory");
	}
	*ret = json_incref(doc);
	return 0;
}

/* The rows of a fleet would be too many objects at once: they are written where the empty list stands. */
static int print_json(const struct snp_request *request, const struct derive *derive,
	struct out *out, struct err *err)
{
	static const char place[] = "\"measurements\": [";
	JSON_AUTO *doc = NULL;
	BUF_AUTO text = {0};
	const char *at;
	int rc = make_document(request, derive, &doc, err);

	if (rc == 0)
		rc = json_doc_write(doc, &text, err);
	if (rc != 0)
		return rc;
	at = strstr(buf_cstr(&text), place);
	if (at == NULL)
		return err_fail(err, -EINVAL, "the document has no place for its rows");
	at += strlen(place);
	buf_add(&out->pending, text.data, (size_t)(at - buf_cstr(&text)));
	buf_str(&out->pending, "\n");
	each_shape(request, json_row, ",\n", out);
	buf_fmt(&out->pending, "\n  %s", at);
	return 0;
}

/* A fleet goes out row by row: it can be larger than what should be kept in memory. */
static int print(
	const struct snp_request *request, const struct derive *derive, bool json, struct err *err)
{
	struct out out = {.failed = false};
	int rc = 0;

	if (json) {
		rc = print_json(request, derive, &out, err);
	} else {
		if (derive != NULL)
			rc = derive_text(derive, &out.pending, err);
		if (rc == 0)
			each_shape(request, text_row, "", &out);
	}
	if (rc != 0) {
		buf_done(&out.pending);
		return rc;
	}
	return out_finish(&out, err);
}

static int measure(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct snp_request *request = options;
	const struct snp_options *o = request->options;
	DERIVE_AUTO derive = {.name = "launch_digest",
		.alg = request->tee == SNP_TEE_SNP ? DIGEST_SHA384 : DIGEST_SHA256};
	struct derive *recorder = o->explain ? &derive : NULL;
	bool json;
	int rc = cli_format(o->format, &json, err);

	(void)args;
	(void)count;
	if (rc == 0)
		rc = snp_request_load(request, err);
	if (rc == 0)
		rc = snp_request_run(request, recorder, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < request->warn.count; i++)
		cli_note(ret, "warning: %s", request->warn.lines[i]);
	return print(request, recorder, json, err);
}

static void add_profiles(struct buf *text)
{
	buf_str(text, "\nVMM profiles:\n");
	for (const struct snp_profile *p = snp_profile_next(NULL); p != NULL;
		p = snp_profile_next(p))
		buf_fmt(text, "  %-14s %s\n", p->name, p->source);
}

static int run(enum snp_tee tee, const char *usage, const char *summary, int argc, char **argv)
{
	struct snp_options o = {.firmware = NULL};
	const struct opt opts[] = {
		{"firmware", 'f', OPT_STR, &o.firmware, "FILE", "OVMF image as given to -bios"},
		{"firmware-meta", 0, OPT_STR, &o.firmware_meta, "FILE",
			"what `assay inspect` wrote of the firmware, in its place (snp)"},
		{"kernel", 'k', OPT_STR, &o.kernel, "FILE", "kernel of a measured direct boot"},
		{"kernel-sha256", 0, OPT_STR, &o.kernel_sha256, "HEX", "its digest instead"},
		{"initrd", 'i', OPT_STR, &o.initrd, "FILE", "initrd that goes with it"},
		{"initrd-sha256", 0, OPT_STR, &o.initrd_sha256, "HEX", "its digest instead"},
		{"cmdline", 'c', OPT_TEXT, &o.cmdline, "TEXT",
			"kernel command line; {vcpus} stands for each count"},
		{"cmdline-file", 0, OPT_STR, &o.cmdline_file, "FILE",
			"the same from a file, byte for byte"},
		{"vcpus", 'n', OPT_STR, &o.vcpus, "N[,N-N...]", "vCPU counts"},
		{"cpu", 0, OPT_STR, &o.cpu, "CPU[,CPU...]",
			"QEMU models, signatures (0xa00f11), family/model/stepping, or all"},
		{"vmm", 0, OPT_STR, &o.vmm, "NAME", "VMM profile; qemu unless given"},
		{"sev-features", 0, OPT_STR, &o.sev_features, "N[,N...]",
			"SEV_FEATURES words; 0x1 for SNP and 0 for SEV-ES unless given"},
		{"no-kernel-hashes", 0, OPT_FLAG, &o.no_kernel_hashes, NULL,
			"say that no kernel is measured"},
		{"svsm", 0, OPT_STR, &o.svsm, "FILE", "SVSM image (profiles svsm...)"},
		{"vars-size", 0, OPT_U64, &o.vars_size_bytes, "BYTES",
			"size of the variable store below the firmware (profiles svsm...)"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		{"explain", 0, OPT_FLAG, &o.explain, NULL, "show every page (one shape)"},
		{"strict", 0, OPT_FLAG, &o.strict, NULL, "refuse what is warned of"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = usage, .summary = summary, .opts = opts, .more = add_profiles};
	SNP_REQUEST_AUTO request = {.options = &o, .tee = tee};

	return cli_run(&verb, argc, argv, measure, &request);
}

int cmd_measure_snp(int argc, char **argv)
{
	return run(SNP_TEE_SNP, "measure snp --firmware FILE --vcpus N --cpu CPU [options]",
		"Computes the launch digest of SEV-SNP guests: one shape, or every combination of "
		"the lists given.",
		argc, argv);
}

int cmd_measure_sev_es(int argc, char **argv)
{
	return run(SNP_TEE_ES, "measure sev-es --firmware FILE --vcpus N --cpu CPU [options]",
		"Computes the launch digest of SEV-ES guests.", argc, argv);
}

int cmd_measure_sev(int argc, char **argv)
{
	return run(SNP_TEE_SEV, "measure sev --firmware FILE [options]",
		"Computes the launch digest of SEV guests.", argc, argv);
}
