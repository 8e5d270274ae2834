/* assay measure igvm: launch measurements of IGVM files. */
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/igvm-launch.h"

struct options {
	uint64_t vcpus;
	const char *cpu, *tee, *vmm, *format;
	bool explain, strict;
};

static const char *register_name(const struct igvm_launch *launch)
{
	return launch->tee == IGVM_TEE_SNP ? "launch_digest" : "mrtd";
}

static int read_options(
	const struct options *o, struct igvm_launch *launch, struct snp_cpu *cpu, struct err *err)
{
	int rc = 0;

	if (o->tee != NULL && strcmp(o->tee, "tdx") == 0)
		launch->tee = IGVM_TEE_TDX;
	else if (o->tee != NULL && strcmp(o->tee, "snp") != 0)
		return err_fail(err, -EINVAL, "--tee: snp or tdx, not %s", o->tee);
	launch->vcpus = o->vcpus > UINT32_MAX ? 0 : (uint32_t)o->vcpus;
	launch->profile = o->vmm;
	if (launch->profile == NULL)
		launch->profile = launch->tee == IGVM_TEE_SNP ? "qemu" : "igvm-crate";
	if (o->cpu != NULL) {
		rc = snp_cpu_parse(o->cpu, cpu, err);
		launch->cpu = cpu;
	}
	return rc;
}

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static int make_json(const struct igvm_launch *launch, const struct igvm_result *result,
	const struct derive *derive, const struct warn *warn, struct buf *to, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:{s:s, s:o, s:I}, s:o, s:[]}", "schema",
		"assay-igvm-measurement/1", "tee", launch->tee == IGVM_TEE_SNP ? "sev-snp" : "tdx",
		"vmm", launch->profile, "input", "path", launch->path, "sha256",
		json_doc_hex_new(result->sha256, SHA256_SIZE), "size_bytes",
		(json_int_t)result->size_bytes, register_name(launch),
		json_doc_hex_new(result->digest, SHA384_SIZE), "warnings");
	json_t *steps;
	char policy[24];
	int rc;

	if (doc == NULL)
		return err_fail(
			err, -EINVAL, "the inputs do not fit JSON (a name that is not UTF-8?)");
	snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)result->policy);
	if ((result->has_policy && !set(doc, "policy", json_string(policy))) ||
		(launch->tee == IGVM_TEE_SNP && strcmp(launch->profile, "qemu") == 0 &&
			!set(doc, "vcpus", json_integer(launch->vcpus))) ||
		(result->has_id_block &&
			!set(doc, "id_block_launch_digest",
				json_doc_hex_new(result->id_block_digest, SHA384_SIZE))))
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < warn->count; i++)
		if (json_array_append_new(
			    json_object_get(doc, "warnings"), json_string(warn->lines[i])) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	if (derive != NULL) {
		rc = derive_steps_json(derive, &steps, err);
		if (rc != 0)
			return rc;
		if (!set(doc, "steps", steps))
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return json_doc_write(doc, to, err);
}

static int make_text(const struct igvm_result *result, const struct derive *derive, struct buf *to,
	struct err *err)
{
	char hex[2 * SHA384_SIZE + 1];
	int rc = derive != NULL ? derive_text(derive, to, err) : 0;

	hex_encode(result->digest, SHA384_SIZE, hex);
	buf_fmt(to, "%s\n", hex);
	return rc != 0 ? rc : buf_check(to, err);
}

static int measure(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	struct igvm_launch launch = {.path = args[0]};
	struct igvm_result result;
	struct snp_cpu cpu;
	WARN_AUTO warn = {.count = 0};
	DERIVE_AUTO derive = {.alg = DIGEST_SHA384};
	struct derive *recorder = o->explain ? &derive : NULL;
	bool json;
	int rc = cli_format(o->format, &json, err);

	(void)count;
	if (rc == 0)
		rc = read_options(o, &launch, &cpu, err);
	derive.name = register_name(&launch);
	if (rc == 0)
		rc = igvm_launch_measure(&launch, recorder, &warn, &result, err);
	if (rc != 0)
		return rc;
	if (o->strict && warn.count > 0)
		return err_fail(err, -EINVAL, "--strict: %s", warn.lines[0]);
	for (size_t i = 0; i < warn.count; i++)
		cli_note(ret, "warning: %s", warn.lines[i]);
	if (json)
		return make_json(&launch, &result, recorder, &warn, &ret->text, err);
	return make_text(&result, recorder, &ret->text, err);
}

static void add_profiles(struct buf *text)
{
	buf_str(text, "\nProfiles:\n");
	for (const struct igvm_profile_name *p = igvm_launch_profiles(); p->name != NULL; p++)
		buf_fmt(text, "  %-14s %s\n", p->name, p->source);
}

int cmd_measure_igvm(int argc, char **argv)
{
	struct options o = {.vcpus = 1};
	const struct opt opts[] = {
		{"vcpus", 'n', OPT_U64, &o.vcpus, "N",
			"vCPUs of the guest (profile qemu); 1 unless given"},
		{"cpu", 0, OPT_STR, &o.cpu, "CPU",
			"for vCPUs that have no context in the file: a QEMU model, a signature, or "
			"family/model/stepping"},
		{"tee", 0, OPT_STR, &o.tee, "snp|tdx", "the platform; snp unless given"},
		{"vmm", 0, OPT_STR, &o.vmm, "NAME",
			"profile; qemu (snp) or igvm-crate (tdx) unless given"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		{"explain", 0, OPT_FLAG, &o.explain, NULL, "show every page"},
		{"strict", 0, OPT_FLAG, &o.strict, NULL, "refuse what is warned of"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "measure igvm FILE [options]",
		.summary =
			"Computes the launch measurement of a guest that an IGVM file describes.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
		.more = add_profiles,
	};

	return cli_run(&verb, argc, argv, measure, &o);
}
