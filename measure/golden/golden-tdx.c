/* The TDX tuples of golden documents (golden-tdx.h). */
#include "measure/golden/golden-tdx.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

/* The registers that a tuple may pin, and whose recorder they have. */
static const struct pinned {
	enum tdx_register reg;
	bool own; /* of each shape */
} pinned[] = {{TDX_MRTD, false}, {TDX_RTMR0, true}, {TDX_RTMR1, true}, {TDX_RTMR2, false}};
#define PINNED (sizeof(pinned) / sizeof(pinned[0]))

void golden_tdx_done(struct golden_tdx *tdx)
{
	for (int reg = 0; reg < TDX_REGISTERS; reg++)
		derive_done(&tdx->common[reg]);
	for (size_t i = 0; tdx->own != NULL && i < tdx->count; i++)
		for (int reg = 0; reg < TDX_REGISTERS; reg++)
			derive_done(&tdx->own[i][reg]);
	free(tdx->own);
	free(tdx->sizes);
	free(tdx->regs);
	*tdx = (struct golden_tdx){.count = 0};
}

/* Whether the tables come from @word, and behind a colon of which machine. */
static bool is_from(const char *source, const char *word, const char **ret_machine)
{
	size_t n = strlen(word);

	if (strncmp(source, word, n) != 0 || (source[n] != '\0' && source[n] != ':'))
		return false;
	*ret_machine = source[n] == ':' ? source + n + 1 : "";
	return true;
}

int golden_tdx_acpi(const char *source, const char *qemu, struct acpi_layout *layout,
	struct tdx_input *in, struct err *err)
{
	const char *machine = "";
	bool from_qemu = is_from(source, "qemu", &machine);
	int rc;

	if (qemu != NULL && !from_qemu)
		return err_fail(err, -EINVAL, "qemu goes with acpi = \"qemu\"");
	in->acpi_builtin = is_from(source, "builtin", &machine);
	if (!from_qemu && !in->acpi_builtin) {
		in->acpi_dir = source;
		return 0;
	}
	rc = acpi_layout_read(machine, layout, err);
	if (rc != 0)
		return err_wrap(err, "acpi");
	in->acpi_layout = layout;
	if (from_qemu)
		in->acpi_qemu = qemu != NULL ? qemu : "qemu-system-x86_64";
	return 0;
}

static bool is_pinned(const struct golden_tdx *tdx, const struct pinned *one)
{
	return one->reg != TDX_RTMR0 || tdx->has_rtmr0;
}

static const struct derive *recorder(
	const struct golden_tdx *tdx, size_t i, const struct pinned *one)
{
	return one->own ? &tdx->own[i][one->reg] : &tdx->common[one->reg];
}

static int prepare(struct golden_tdx *tdx, const struct tdx_size *sizes, size_t count,
	struct tdx_input *in, struct err *err)
{
	tdx->sizes = calloc(count, sizeof(*tdx->sizes));
	tdx->regs = calloc(count, sizeof(*tdx->regs));
	tdx->own = calloc(count, sizeof(*tdx->own));
	if (tdx->sizes == NULL || tdx->regs == NULL || tdx->own == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	tdx->count = count;
	in->want = 0;
	for (size_t k = 0; k < PINNED; k++) {
		const struct derive empty = {
			.name = tdx_register_name(pinned[k].reg), .alg = DIGEST_SHA384};

		if (!is_pinned(tdx, &pinned[k]))
			continue;
		in->want |= TDX_WANT(pinned[k].reg);
		tdx->common[pinned[k].reg] = empty;
		in->derive[pinned[k].reg] = pinned[k].own ? NULL : &tdx->common[pinned[k].reg];
		for (size_t i = 0; i < count; i++)
			tdx->own[i][pinned[k].reg] = empty;
	}
	for (size_t i = 0; i < count; i++) {
		tdx->sizes[i] = sizes[i];
		tdx->sizes[i].rtmr0 = &tdx->own[i][TDX_RTMR0];
		tdx->sizes[i].rtmr1 = &tdx->own[i][TDX_RTMR1];
	}
	return 0;
}

int golden_tdx_measure(const struct tdx_input *in, const struct tdx_size *sizes, size_t count,
	const struct golden_part *firmware, struct golden_tdx *ret, struct err *err)
{
	struct tdx_input input = *in;
	GOLDEN_TDX_AUTO tdx = {.vmm = in->vmm,
		.has_rtmr0 = in->acpi_dir != NULL || in->acpi_qemu != NULL || in->acpi_builtin};
	int rc = prepare(&tdx, sizes, count, &input, err);

	if (rc == 0)
		rc = tdx_measure_shapes(&input, tdx.sizes, count, tdx.regs, err);
	if (rc == 0 && memcmp(tdx.regs[0].firmware_sha256, firmware->sha256, SHA256_SIZE) != 0)
		rc = err_fail(
			err, -EKEYREJECTED, "%s: changed while it was measured", firmware->path);
	if (rc != 0)
		return rc;
	*ret = tdx;
	tdx = (struct golden_tdx){.count = 0};
	return 0;
}

static json_t *shape_json(const struct golden_tdx *tdx, size_t i)
{
	const struct tdx_size *size = &tdx->sizes[i];
	json_t *shape = json_pack("{s:s}", "mrtd_order",
		tdx->regs[i].order == TDX_ORDER_SINGLE ? "single-pass" : "two-pass");

	if (size->memory_bytes != 0)
		json_object_set_new(
			shape, "memory_bytes", json_integer((json_int_t)size->memory_bytes));
	if (size->vcpus != 0)
		json_object_set_new(shape, "vcpus", json_integer(size->vcpus));
	return shape;
}

static json_t *values_json(const struct golden_tdx *tdx, size_t i)
{
	json_t *values = json_object();

	for (size_t k = 0; k < PINNED; k++)
		if (is_pinned(tdx, &pinned[k]))
			json_object_set_new(values, tdx_register_name(pinned[k].reg),
				json_doc_hex_new(tdx->regs[i].value[pinned[k].reg], SHA384_SIZE));
	return values;
}

/* The digest of the event whose text begins with @what, as JSON; NULL when there is none. */
static json_t *event_json(const struct derive *derive, const char *what)
{
	for (size_t i = 0; i < derive->count; i++) {
		const struct derive_step *step = &derive->steps[i];

		if (strncmp(step->what, what, strlen(what)) == 0 &&
			step->content_size == SHA384_SIZE)
			return json_doc_hex_new(step->content, SHA384_SIZE);
	}
	return NULL;
}

/* The events are those that verifiers look for in the log: the kernel in RTMR1, its load options in RTMR2. */
json_t *golden_tdx_tuple(const struct golden_tdx *tdx, size_t i, json_t *inputs)
{
	return json_pack("{s:s, s:s, s:b, s:o, s:{s:b, s:b, s:b}, s:o, s:o, s:{s:o*, s:o*}}", "tee",
		"tdx", "vmm", tdx->vmm, "acpi_verified", tdx->regs[i].acpi_verified, "shape",
		shape_json(tdx, i), "policy", "debug", 0, "migratable", 0, "sept_ve_disable", 1,
		"inputs", inputs, "values", values_json(tdx, i), "events", "kernel",
		event_json(&tdx->own[i][TDX_RTMR1], "Authenticode of the kernel"), "load_options",
		event_json(&tdx->common[TDX_RTMR2], "load options"));
}

int golden_tdx_derivations(const struct golden_tdx *tdx, size_t i, const char *name,
	struct golden_outputs *outputs, struct err *err)
{
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < PINNED; k++)
		if (is_pinned(tdx, &pinned[k]))
			rc = golden_derivation(outputs, name, recorder(tdx, i, &pinned[k]),
				tdx->regs[i].value[pinned[k].reg], err);
	return rc;
}
