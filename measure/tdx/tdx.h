/*
 * Intel TDX registers of a guest that boots OVMF: MRTD and RTMR0-3, predicted from the files and
 * the launch shape.
 *
 * What depends on a VMM is a row of measure/tdx/profile-tdx.c; what depends on the firmware is read
 * from the firmware itself (formats/ffs.h). Anything unknown is refused, never guessed.
 */
#ifndef MEASURE_TDX_TDX_H
#define MEASURE_TDX_TDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "measure/derive.h"
#include "measure/tdx/acpi-layout.h"

enum tdx_register {
	TDX_MRTD,
	TDX_RTMR0,
	TDX_RTMR1,
	TDX_RTMR2,
	TDX_RTMR3,
	TDX_REGISTERS,
};

#define TDX_WANT(reg) (1u << (reg))

/* How the VMM feeds pages to the TDX module: ADD and EXTEND page by page, or all ADDs of a section
 * first. */
enum tdx_order {
	TDX_ORDER_VMM, /* as the VMM's profile says */
	TDX_ORDER_SINGLE,
	TDX_ORDER_TWO,
};

/* What is launched. Strings are borrowed; a zeroed field means "not given". */
struct tdx_input {
	const char *firmware; /* path of the TDVF image */
	const char *kernel;   /* path of a bzImage for direct boot; NULL: MRTD only */
	const char *initrd;   /* path; needs a kernel */
	const char *cmdline;  /* without NUL; needs a kernel; NULL is the empty one */
	const char *vmm;      /* profile name, "qemu-10.0"; tdx_vmm_next() lists them */
	/* A boot from a disk image instead of a kernel: "uki", and so on (boot-disk.h). */
	const char *boot; /* NULL or "direct": a kernel */
	const char *disk; /* path of the image */
	/* For GRUB (boot-grub.h): path of the list of what it does, or NULL, and "NAME=PATH". */
	const char *grub_commands;
	const char *const *grub_files;
	size_t grub_file_count;
	/* UEFI variables in place of the firmware image's: a variable store or JSON (varstore.h), or
	 * NULL. */
	const char *secure_boot_vars;
	/* For what a firmware does not tell: the edk2 release that it is declared to be of, "202408",
	 * or NULL. */
	const char *firmware_generation;
	uint64_t memory_bytes; /* for RTMR0, and for RTMR1 where the VMM patches the kernel */
	/* ACPI tables for RTMR0: a directory with etc/table-loader and etc/acpi/{rsdp,tables}, a
	 * stock QEMU program of the VMM's version, or those that are built in; the latter two for
	 * @vcpus and a machine of this layout. */
	const char *acpi_dir;
	const char *acpi_qemu;
	bool acpi_builtin;
	const struct acpi_layout *acpi_layout; /* NULL: nothing beyond the chipset */
	uint32_t vcpus;
	const char *const *acpi_args; /* further arguments for the program */
	size_t acpi_arg_count;
	/* The processor ID in the SMBIOS tables that go with the latter two (smbios.h), or NULL. */
	const unsigned char *processor_id;
	bool acpi_pci; /* they bring PCI devices, which its firmware has to set up */
	const char *const *runtime_events; /* for RTMR3, in order, as rtmr3.h writes them */
	size_t runtime_event_count;
	enum tdx_order order;
	/* TDX_WANT bits of the registers without which the call fails; 0: those that can be had. */
	unsigned want;
	/* Recorders, caller-owned, each NULL or with name and alg set (DIGEST_SHA384). */
	struct derive *derive[TDX_REGISTERS];
};

struct tdx_registers {
	bool has[TDX_REGISTERS];
	unsigned char value[TDX_REGISTERS][SHA384_SIZE]; /* of those that has[] names */
	char why_not[TDX_REGISTERS][160]; /* of the others: one line, "" when not asked for */
	bool acpi_verified;   /* RTMR0's tables are a QEMU's own, or were compared with one's */
	enum tdx_order order; /* the order that MRTD was computed in */
	char generation[32];  /* of the firmware: "edk2-stable202502", or "" when not looked at */
	unsigned char firmware_sha256[SHA256_SIZE];
};

/* "mrtd", "rtmr0", ... */
const char *tdx_register_name(enum tdx_register reg);

/*
 * Computes the registers of one launch into @ret, which is written last. -EBADMSG for a malformed
 * file, -EINVAL for inputs that contradict one another, -ENOTSUP for an unknown VMM or a wanted
 * register that cannot be predicted.
 */
int tdx_measure(const struct tdx_input *in, struct tdx_registers *ret, struct err *err) MUST_CHECK;

/* One size of a guest; zeros as in struct tdx_input, whose own sizes are not looked at. */
struct tdx_size {
	uint64_t memory_bytes;
	uint32_t vcpus;
	/* Recorders of the registers that may be this shape's own, in place of the input's; NULL
	 * as there. */
	struct derive *rtmr0, *rtmr1;
};

/*
 * The same for @count shapes into @ret[@count]: files are read, and what does not depend on the
 * shape is computed, once. -EINVAL for several shapes with one recorder for what may be their own
 * (RTMR0, RTMR1), or a directory of tables.
 */
int tdx_measure_shapes(const struct tdx_input *in, const struct tdx_size *shapes, size_t count,
	struct tdx_registers *ret, struct err *err) MUST_CHECK;

/* Walks the VMM profile names: NULL starts, NULL ends. */
const char *tdx_vmm_next(const char *name);

#endif
