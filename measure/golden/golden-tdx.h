/* The TDX tuples of golden documents: the registers of one command line in several shapes, as JSON, with their derivations. */
#ifndef MEASURE_GOLDEN_GOLDEN_TDX_H
#define MEASURE_GOLDEN_GOLDEN_TDX_H

#include <jansson.h>
#include <stddef.h>

#include "lib/err.h"
#include "measure/golden/golden.h"
#include "measure/tdx/acpi-layout.h"
#include "measure/tdx/tdx.h"

struct golden_tdx {
	const char *vmm;	    /* borrowed */
	struct tdx_size *sizes;	    /* owned; their recorders are in @own */
	struct tdx_registers *regs; /* owned, of each shape */
	size_t count;
	bool has_rtmr0;			     /* pinned: the ACPI tables are known */
	struct derive common[TDX_REGISTERS]; /* MRTD and RTMR2 */
	struct derive (*own)[TDX_REGISTERS]; /* owned: RTMR0 and RTMR1 of each shape */
};

/* A zeroed one may be passed. */
void golden_tdx_done(struct golden_tdx *tdx);
#define GOLDEN_TDX_AUTO __attribute__((cleanup(golden_tdx_done))) struct golden_tdx

/*
 * Sets where @in takes ACPI tables from: "builtin", "qemu", either with ":MACHINE" (acpi-layout.h), or a directory. @qemu is the
 * program for the second, NULL for the usual one. @layout and the strings must outlive @in.
 */
int golden_tdx_acpi(const char *source, const char *qemu, struct acpi_layout *layout,
	struct tdx_input *in, struct err *err) MUST_CHECK;

/*
 * Measures @count shapes of @in, whose want and recorders are set here: MRTD, RTMR1, RTMR2, and with ACPI tables RTMR0. -EKEYREJECTED
 * when the firmware is not the one of @firmware any more.
 */
int golden_tdx_measure(const struct tdx_input *in, const struct tdx_size *sizes, size_t count,
	const struct golden_part *firmware, struct golden_tdx *ret, struct err *err) MUST_CHECK;

/* The tuple of shape @i without its name; NULL for lack of memory. Takes over @inputs. */
json_t *golden_tdx_tuple(const struct golden_tdx *tdx, size_t i, json_t *inputs);

/* Adds the derivations of shape @i, the tuple called @name. */
int golden_tdx_derivations(const struct golden_tdx *tdx, size_t i, const char *name,
	struct golden_outputs *outputs, struct err *err) MUST_CHECK;

#endif
