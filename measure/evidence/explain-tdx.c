/*
 * Why TDX registers differ (explain.h): by the event log, event for event against the derivation of the register, and by other
 * launches: the other VMM profiles, and the files that were found on the host in place of the build's.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/evidence/explain.h"
#include "measure/evidence/sequence.h"
#include "measure/golden/golden-tdx.h"
#include "measure/tdx/tdx.h"

#define DERIVATION_MAX (64u << 20)
#define PARTS	       4

static const unsigned char *found_value(const struct explanation *explanation, int reg)
{
	const struct quote *quote = &explanation->request->tdx;

	return reg == TDX_MRTD ? quote->mrtd : quote->rtmr[reg - TDX_RTMR0];
}

static bool is_pinned(const struct explanation *explanation, int reg)
{
	return reg == TDX_MRTD || explanation->entry->rtmr[reg - TDX_RTMR0].has;
}

static bool differs(const struct explanation *explanation, int reg)
{
	const struct golden_entry *entry = explanation->entry;
	const unsigned char *want = reg == TDX_MRTD ? entry->mrtd
						    : entry->rtmr[reg - TDX_RTMR0].bytes;

	return is_pinned(explanation, reg) &&
	       memcmp(want, found_value(explanation, reg), SHA384_SIZE) != 0;
}

/* --- by the event log --- */

/* What was expected to be extended into a register, and what was. */
struct events {
	const struct explanation *explanation;
	const char *reg;
	const json_t *steps;		    /* of the derivation */
	const struct replay_event **events; /* of the log */
};

static bool same_event(const void *a, size_t i, const void *b, size_t j)
{
	const struct replay_event *const *events = b;
	const char *content = json_string_value(json_object_get(json_array_get(a, i), "content"));
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(events[j]->digest, SHA384_SIZE, hex);
	return content != NULL && strcmp(content, hex) == 0;
}

static int say_difference(
	void *arg, size_t i, size_t i_end, size_t j, size_t j_end, struct err *err)
{
	const struct events *events = arg;
	int rc = 0;

	for (; rc == 0 && (i < i_end || j < j_end); i += i < i_end, j += j < j_end) {
		const char *want = i < i_end ? json_string_value(json_object_get(
						       json_array_get(events->steps, i), "what"))
					     : "no event";
		const struct replay_event *event = j < j_end ? events->events[j] : NULL;

		if (want == NULL)
			want = "an event";
		if (event == NULL)
			rc = explain_find(events->explanation, events->reg, err,
				"expected %s, found no event", want);
		else
			rc = explain_find(events->explanation, events->reg, err,
				"expected %s, found %s%s%s (%s)", want, event->type_name,
				*event->what != '\0' ? " " : "", event->what,
				replay_bound_name(event->bound));
	}
	return rc;
}

/* Reads the steps of a register; NULL in @ret when the build did not keep them. */
static int read_steps(
	const struct explanation *explanation, const char *reg, json_t **ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	BUF_AUTO text = {0};
	int rc;

	*ret = NULL;
	if (explanation->request->dir == NULL || strchr(explanation->entry->name, '/') != NULL)
		return 0;
	if (asprintf(&path, "%s/derivation/%s.%s.json", explanation->request->dir,
		    explanation->entry->name, reg) < 0) {
		path = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	rc = io_read_file(path, DERIVATION_MAX, &text, err);
	if (rc == -ENOENT)
		return 0;
	return rc == 0 ? json_doc_parse(text.data, text.len, path, ret, err) : rc;
}

static int compare_events(
	const struct explanation *explanation, int reg, const json_t *steps, struct err *err)
{
	const struct replay *log = explanation->request->log;
	AUTO_FREE const struct replay_event **list = calloc(log->count + 1, sizeof(*list));
	struct events events = {explanation, tdx_register_name(reg), steps, list};
	size_t n = 0;

	if (list == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < log->count; i++) {
		if (log->events[i].reg == (unsigned)reg && log->events[i].bound != REPLAY_LOGGED)
			list[n++] = &log->events[i];
	}
	return sequence_diff(&(struct sequences){.a = steps,
				     .b = list,
				     .a_count = json_array_size(steps),
				     .b_count = n,
				     .same = same_event,
				     .differ = say_difference,
				     .arg = &events},
		err);
}

/* Only a log that leads to the evidence's value says what led to it. */
static int explain_by_log(const struct explanation *explanation, int reg, struct err *err)
{
	const struct replay *log = explanation->request->log;
	const char *name = tdx_register_name(reg);
	JSON_AUTO *derivation = NULL;
	int rc;

	if (log == NULL || reg == TDX_MRTD)
		return 0;
	if (memcmp(log->value[reg], found_value(explanation, reg), SHA384_SIZE) != 0)
		return explain_find(explanation, name, err,
			"the log does not lead to the evidence's value: it is another guest's, or "
			"not whole");
	rc = read_steps(explanation, name, &derivation, err);
	if (rc != 0)
		return rc;
	if (derivation == NULL)
		return explain_find(explanation, name, err,
			"the build has no derivation to hold the log against (--build)");
	return compare_events(explanation, reg, json_object_get(derivation, "steps"), err);
}

/* --- by other launches --- */

static const char *const part_names[PARTS] = {"firmware", "kernel", "initrd", "cmdline"};

struct launches {
	const struct explanation *explanation;
	char *own[PARTS]; /* owned paths; cmdline: the text */
	const char *observed[PARTS];
	bool explained[TDX_REGISTERS];
};

static void launches_done(struct launches *launches)
{
	for (size_t i = 0; i < PARTS; i++)
		free(launches->own[i]);
}
#define LAUNCHES_AUTO __attribute__((cleanup(launches_done))) struct launches

static int load_launches(struct launches *launches, struct err *err)
{
	const struct explanation *explanation = launches->explanation;
	const struct explain_observed *observed = &explanation->request->observed;
	BUF_AUTO line = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 3; i++)
		rc = explain_input(explanation, part_names[i], &launches->own[i], err);
	if (rc == 0 && launches->own[1] != NULL)
		rc = explain_cmdline(explanation, &line, err);
	if (rc == 0 && launches->own[1] != NULL) {
		launches->own[3] = strdup(buf_cstr(&line));
		rc = launches->own[3] == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;
	}
	launches->observed[0] = observed->firmware;
	launches->observed[1] = observed->kernel;
	launches->observed[2] = observed->initrd;
	launches->observed[3] = observed->cmdline;
	return rc;
}

static uint64_t shape_integer(const struct explanation *explanation, const char *name)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(explanation->tuple, "shape"), name));
}

static int say_launch(
	struct launches *launches, int reg, unsigned observed, const char *vmm, struct err *err)
{
	const struct explanation *explanation = launches->explanation;
	const char *name = tdx_register_name(reg);
	int rc = 0;

	launches->explained[reg] = true;
	if (strcmp(vmm, explanation->entry->vmm) != 0)
		rc = explain_find(explanation, name, err, "launched as by VMM profile %s, not %s",
			vmm, explanation->entry->vmm);
	for (size_t part = 0; rc == 0 && part < PARTS; part++) {
		if ((observed >> part & 1) != 0)
			rc = explain_find(explanation, name, err,
				"the %s is the one that was found, not the build's",
				part_names[part]);
	}
	if (rc == 0 && (observed >> 3 & 1) != 0)
		rc = explain_words(explanation, launches->observed[3], err);
	return rc;
}

/* Measures one launch and says which registers it explains. */
static int try_launch(
	struct launches *launches, unsigned observed, const char *vmm, struct err *err)
{
	const struct explanation *explanation = launches->explanation;
	const char *parts[PARTS];
	struct tdx_registers regs;
	struct err unfit = {0};
	int rc = 0;

	for (size_t i = 0; i < PARTS; i++)
		parts[i] = (observed >> i & 1) != 0 ? launches->observed[i] : launches->own[i];
	if (tdx_measure(&(struct tdx_input){.firmware = parts[0],
				.kernel = parts[1],
				.initrd = parts[1] != NULL ? parts[2] : NULL,
				.cmdline = parts[1] != NULL ? parts[3] : NULL,
				.vmm = vmm,
				.memory_bytes = shape_integer(explanation, "memory_bytes")},
		    &regs, &unfit) != 0)
		return 0; /* this VMM would not launch it */
	for (int reg = 0; rc == 0 && reg < TDX_REGISTERS; reg++) {
		if (regs.has[reg] && !launches->explained[reg] && differs(explanation, reg) &&
			memcmp(regs.value[reg], found_value(explanation, reg), SHA384_SIZE) == 0)
			rc = say_launch(launches, reg, observed, vmm, err);
	}
	return rc;
}

static bool was_observed(const struct launches *launches, unsigned observed)
{
	for (size_t i = 0; i < PARTS; i++) {
		if ((observed >> i & 1) != 0 && launches->observed[i] == NULL)
			return false;
	}
	return true;
}

/* The number of files that depart from the tuple, then the VMM. */
static int explain_by_launches(struct launches *launches, struct err *err)
{
	const char *own = launches->explanation->entry->vmm;
	int rc = 0;

	for (int cost = 0; cost <= PARTS + 1; cost++) {
		for (unsigned observed = 0; observed < 1u << PARTS; observed++) {
			for (const char *vmm = tdx_vmm_next(NULL); rc == 0 && vmm != NULL;
				vmm = tdx_vmm_next(vmm)) {
				if (__builtin_popcount(observed) + (strcmp(vmm, own) != 0) ==
						cost &&
					was_observed(launches, observed))
					rc = try_launch(launches, observed, vmm, err);
			}
		}
	}
	return rc;
}

/* --- by other shapes --- */

#define VCPUS_TRIED 64
#define GIB	    (1ull << 30)

static const uint64_t memory_tried[] = {GIB / 2, GIB, 3 * GIB / 2, 2 * GIB, 3 * GIB, 4 * GIB,
	5 * GIB, 6 * GIB, 8 * GIB, 10 * GIB, 12 * GIB, 16 * GIB, 20 * GIB, 24 * GIB, 32 * GIB,
	40 * GIB, 48 * GIB, 64 * GIB, 96 * GIB, 128 * GIB, 192 * GIB, 256 * GIB, 384 * GIB,
	512 * GIB};
#define MEMORY_TRIED (sizeof(memory_tried) / sizeof(*memory_tried))

static int say_shape(
	struct launches *launches, int reg, const struct tdx_size *size, struct err *err)
{
	const struct explanation *explanation = launches->explanation;
	uint64_t memory = shape_integer(explanation, "memory_bytes");
	uint64_t vcpus = shape_integer(explanation, "vcpus");
	const char *name = tdx_register_name(reg);
	int rc = 0;

	launches->explained[reg] = true;
	if (size->memory_bytes != memory)
		rc = explain_find(explanation, name, err, "%llu MiB of memory, not %llu",
			(unsigned long long)(size->memory_bytes >> 20),
			(unsigned long long)(memory >> 20));
	if (rc == 0 && size->vcpus != 0 && size->vcpus != vcpus)
		rc = explain_find(explanation, name, err, "%u vCPUs, not %llu", size->vcpus,
			(unsigned long long)vcpus);
	return rc;
}

/* The tuple's own launch in @count shapes: the first of them that gives a register explains it. */
static int try_shapes(struct launches *launches, const struct tdx_input *in,
	const struct tdx_size *sizes, size_t count, struct err *err)
{
	AUTO_FREE struct tdx_registers *regs = calloc(count, sizeof(*regs));
	struct err unfit = {0};
	int rc = 0;

	if (regs == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (tdx_measure_shapes(in, sizes, count, regs, &unfit) != 0)
		return !in->acpi_builtin ? 0
					 : explain_find(launches->explanation, "rtmr0", err,
						   "other shapes were not tried: %s", unfit.msg);
	for (size_t i = 0; i < count; i++) {
		for (int reg = TDX_RTMR0; rc == 0 && reg <= TDX_RTMR1; reg++) {
			if (regs[i].has[reg] && !launches->explained[reg] &&
				differs(launches->explanation, reg) &&
				memcmp(regs[i].value[reg], found_value(launches->explanation, reg),
					SHA384_SIZE) == 0)
				rc = say_shape(launches, reg, &sizes[i], err);
		}
	}
	return rc;
}

/* Memory moves RTMR1 where the VMM patches the kernel; with ACPI tables memory and vCPUs move RTMR0. */
static int explain_by_shapes(struct launches *launches, struct err *err)
{
	const struct explanation *explanation = launches->explanation;
	const char *acpi = explanation->request->observed.acpi;
	size_t vcpus = acpi != NULL ? VCPUS_TRIED : 1, n = 0;
	AUTO_FREE struct tdx_size *sizes = calloc(MEMORY_TRIED * vcpus, sizeof(*sizes));
	struct acpi_layout layout = {0};
	struct tdx_input in = {.firmware = launches->own[0],
		.kernel = launches->own[1],
		.initrd = launches->own[1] != NULL ? launches->own[2] : NULL,
		.cmdline = launches->own[3],
		.vmm = explanation->entry->vmm};
	int rc = 0;

	if (sizes == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (acpi != NULL)
		rc = golden_tdx_acpi(acpi, NULL, &layout, &in, err);
	for (size_t m = 0; m < MEMORY_TRIED; m++) {
		for (size_t v = 1; v <= vcpus; v++)
			sizes[n++] = (struct tdx_size){.memory_bytes = memory_tried[m],
				.vcpus = acpi != NULL ? (uint32_t)v : 0};
	}
	return rc == 0 ? try_shapes(launches, &in, sizes, n, err) : rc;
}

/* --- what a register is about, where nothing was proved --- */

static const char *const meanings[TDX_REGISTERS] = {
	[TDX_MRTD] = "the firmware image, or the order in which the VMM added its pages",
	[TDX_RTMR0] = "memory size, vCPUs, devices, Secure Boot variables or boot options",
	[TDX_RTMR1] = "the kernel image, as the VMM handed it over",
	[TDX_RTMR2] = "the command line or the initrd",
	[TDX_RTMR3] = "what the agents in the guest extended",
};

int explain_tdx(const struct explanation *explanation, struct err *err)
{
	LAUNCHES_AUTO launches = {.explanation = explanation};
	const json_t *findings = explanation->findings;
	int rc = load_launches(&launches, err);

	if (rc == 0 && launches.own[0] != NULL)
		rc = explain_by_launches(&launches, err);
	if (rc == 0 && launches.own[0] != NULL &&
		(differs(explanation, TDX_RTMR0) || differs(explanation, TDX_RTMR1)))
		rc = explain_by_shapes(&launches, err);
	for (int reg = 0; rc == 0 && reg < TDX_REGISTERS; reg++) {
		size_t before = json_array_size(findings);

		if (!differs(explanation, reg))
			continue;
		rc = explain_by_log(explanation, reg, err);
		if (rc == 0 && !launches.explained[reg] && json_array_size(findings) == before)
			rc = explain_find(explanation, tdx_register_name(reg), err,
				"not explained: %s%s", meanings[reg],
				explanation->request->log == NULL && reg != TDX_MRTD
					? " (the guest's event log would tell: --log)"
					: "");
	}
	return rc;
}
