/* assay measure td-shim: the registers of Intel TDX guests that boot td-shim. */
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/cmd.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/td-shim.h"

struct options {
	struct td_shim_input in;
	const char *order, *only, *format;
	bool explain;
	struct derive derive[TDX_REGISTERS];
};

static int read_order(struct options *o, struct err *err)
{
	if (o->order == NULL)
		return 0;
	if (strcmp(o->order, "single") != 0 && strcmp(o->order, "two") != 0)
		return err_fail(err, -EINVAL, "--mrtd-order: single or two, not %s", o->order);
	o->in.order = strcmp(o->order, "two") == 0 ? TDX_ORDER_TWO : TDX_ORDER_SINGLE;
	return 0;
}

static int read_register(struct options *o, struct err *err)
{
	if (o->only == NULL)
		return 0;
	for (int reg = 0; reg <= TDX_RTMR1; reg++)
		if (strcmp(o->only, tdx_register_name(reg)) == 0) {
			o->in.want = TDX_WANT(reg);
			return 0;
		}
	return err_fail(err, -EINVAL, "--register: mrtd, rtmr0 or rtmr1, not %s", o->only);
}

static bool is_shown(const struct options *o, const struct tdx_registers *regs, int reg)
{
	return regs->has[reg] && (o->in.want == 0 || (o->in.want & TDX_WANT(reg)) != 0);
}

static int add_text(const struct options *o, const struct tdx_registers *regs,
	struct cli_result *ret, struct err *err)
{
	for (int reg = 0; reg < TDX_REGISTERS && o->explain; reg++) {
		int rc;

		if (!is_shown(o, regs, reg))
			continue;
		buf_fmt(&ret->text, "%s\n", tdx_register_name(reg));
		rc = derive_text(&o->derive[reg], &ret->text, err);
		if (rc != 0)
			return rc;
		buf_str(&ret->text, "\n");
	}
	for (int reg = 0; reg < TDX_REGISTERS; reg++) {
		char hex[2 * SHA384_SIZE + 1];

		hex_encode(regs->value[reg], SHA384_SIZE, hex);
		if (is_shown(o, regs, reg))
			buf_fmt(&ret->text, "%s%s%s\n",
				o->only == NULL ? tdx_register_name(reg) : "",
				o->only == NULL ? "=" : "", hex);
		if (regs->why_not[reg][0] != '\0' && o->only == NULL)
			cli_note(ret, "no %s: %s", tdx_register_name(reg), regs->why_not[reg]);
	}
	return buf_check(&ret->text, err);
}

static int add_input(json_t *inputs, const char *key, const char *path, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	int rc;

	if (path == NULL)
		return 0;
	rc = io_digest_file(path, DIGEST_SHA256, digest, NULL, err);
	if (rc != 0)
		return rc;
	if (json_object_set_new(inputs, key,
		    json_pack("{s:s, s:o}", "path", path, "sha256",
			    json_doc_hex_new(digest, SHA256_SIZE))) != 0)
		return err_fail(err, -EINVAL, "a file name that is not UTF-8");
	return 0;
}

static int add_inputs(const struct options *o, json_t *doc, struct err *err)
{
	json_t *inputs = json_object_get(doc, "inputs");
	int rc = add_input(inputs, "firmware", o->in.firmware, err);

	if (rc == 0)
		rc = add_input(inputs, "payload", o->in.payload, err);
	if (rc == 0)
		rc = add_input(inputs, "td_hob", o->in.td_hob, err);
	if (rc == 0 && o->in.cmdline != NULL &&
		json_object_set_new(inputs, "cmdline", json_pack("{s:s}", "text", o->in.cmdline)) !=
			0)
		return err_fail(err, -EINVAL, "a command line that is not UTF-8");
	return rc;
}

static int add_steps(
	const struct options *o, const struct tdx_registers *regs, json_t *doc, struct err *err)
{
	json_t *all = json_object();

	if (json_object_set_new(doc, "steps", all) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	for (int reg = 0; reg < TDX_REGISTERS; reg++) {
		json_t *steps;
		int rc;

		if (!regs->has[reg])
			continue;
		rc = derive_steps_json(&o->derive[reg], &steps, err);
		if (rc != 0)
			return rc;
		if (json_object_set_new(all, tdx_register_name(reg), steps) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int add_json(const struct options *o, const struct tdx_registers *regs,
	struct cli_result *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:s, s:{}, s:[{s:{}, s:{}}]}", "schema",
		"assay-measurement/1", "tee", "tdx", "vmm", o->in.vmm, "mrtd_order",
		regs->order == TDX_ORDER_TWO ? "two" : "single", "inputs", "measurements",
		"registers", "missing");
	json_t *shape = json_array_get(json_object_get(doc, "measurements"), 0);
	int rc = doc == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;

	if (rc == 0)
		rc = add_inputs(o, doc, err);
	if (rc == 0 && o->explain)
		rc = add_steps(o, regs, doc, err);
	if (rc == 0 && o->in.memory_bytes != 0)
		json_object_set_new(
			shape, "memory_bytes", json_integer((json_int_t)o->in.memory_bytes));
	for (int reg = 0; rc == 0 && reg < TDX_REGISTERS; reg++) {
		const char *name = tdx_register_name(reg);

		if (regs->has[reg])
			json_object_set_new(json_object_get(shape, "registers"), name,
				json_doc_hex_new(regs->value[reg], SHA384_SIZE));
		else if (regs->why_not[reg][0] != '\0')
			json_object_set_new(json_object_get(shape, "missing"), name,
				json_string(regs->why_not[reg]));
	}
	return rc != 0 ? rc : json_doc_write(doc, &ret->text, err);
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct options *o = options;
	struct tdx_registers regs = {.acpi_verified = false};
	bool json = false;
	int rc = read_order(o, err);

	(void)args;
	(void)count;
	if (rc == 0)
		rc = read_register(o, err);
	if (rc == 0)
		rc = cli_format(o->format, &json, err);
	if (rc == 0 && json && o->only != NULL)
		rc = err_fail(err, -EINVAL, "--register prints bare text, not JSON");
	for (int reg = 0; reg < TDX_REGISTERS && o->explain; reg++) {
		o->derive[reg] = (struct derive){
			.name = tdx_register_name(reg), .alg = DIGEST_SHA384};
		o->in.derive[reg] = &o->derive[reg];
	}
	if (rc == 0)
		rc = td_shim_measure(&o->in, &regs, err);
	if (rc != 0)
		return rc;
	return json ? add_json(o, &regs, ret, err) : add_text(o, &regs, ret, err);
}

static void add_tables(struct buf *text)
{
	buf_str(text, "\nVMM profiles:\n");
	for (const char *name = tdx_vmm_next(NULL); name != NULL; name = tdx_vmm_next(name)) {
		const struct tdx_vmm *vmm;
		struct err err = {0};

		if (tdx_vmm_find(name, &vmm, &err) == 0)
			buf_fmt(text, "  %-18s %s\n", name, vmm->source);
	}
	buf_str(text, "\nReleases of td-shim:\n");
	for (const struct td_shim_release *at = td_shim_releases(); at->name != NULL; at++)
		buf_fmt(text, "  %-18s %s\n", at->name, at->source);
}

int cmd_measure_td_shim(int argc, char **argv)
{
	struct options o = {.explain = false};
	const struct opt opts[] = {
		{"firmware", 'f', OPT_STR, &o.in.firmware, "FILE", "td-shim image"},
		{"vmm", 0, OPT_STR, &o.in.vmm, "NAME", "VMM profile, from the list below"},
		{"payload", 'p', OPT_STR, &o.in.payload, "FILE",
			"kernel that the VMM loads; without it the image's own payload boots"},
		{"cmdline", 'c', OPT_TEXT, &o.in.cmdline, "TEXT", "command line of that kernel"},
		{"td-hob", 0, OPT_STR, &o.in.td_hob, "FILE",
			"for RTMR0: the TD HOB list that the VMM writes; computed for QEMU"},
		{"memory", 'm', OPT_U64, &o.in.memory_bytes, "SIZE",
			"for RTMR0 under QEMU: guest memory, 2G or 512M"},
		{"release", 0, OPT_STR, &o.in.release, "NAME",
			"of td-shim, from the list below; asked for where it matters"},
		{"mrtd-order", 0, OPT_STR, &o.order, "single|two",
			"how pages are added; as the VMM does unless given"},
		{"register", 0, OPT_STR, &o.only, "NAME", "print the bare value of one register"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		{"explain", 0, OPT_FLAG, &o.explain, NULL, "show every page and event"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "measure td-shim --firmware FILE --vmm NAME [options]",
		.summary = "Computes MRTD, RTMR0 and RTMR1 of a TDX guest that boots td-shim.",
		.opts = opts,
		.more = add_tables,
	};
	int status = cli_run(&verb, argc, argv, run, &o);

	for (int reg = 0; reg < TDX_REGISTERS; reg++)
		derive_done(&o.derive[reg]);
	return status;
}
