/* The DSDT of QEMU's q35 machine (acpi-dsdt.h). */
#include "measure/tdx/acpi-dsdt.h"

#include <inttypes.h>

#define GIB	    (1ull << 30)
#define PCI_CONFIG  0xe0000000u /* 256 MiB, where firmware puts it */
#define HOLE_BYTES  (32 * GIB)	/* pci-hole64-size of q35 */
#define PCI_SLOTS   32
#define BRIDGE_SLOT 2

/*
 * Where OVMF puts 64-bit BARs: the last eighth of an address space of 46 bits, to which it limits
 * itself with 4-level paging (edk2 OvmfPkg/Library/PlatformInitLib/MemDetect.c, since 202308), on
 * every host that has TDX. Behind a bridge for hotplug without a hint of its own it reserves 1/256
 * of that (OvmfPkg/PciHotPlugInitDxe/PciHotPlugInit.c). Virtio devices come after it.
 */
#define WINDOW_START	(7ull << 43)
#define WINDOW_RESERVED (1ull << (43 - 8))
#define VIRTIO_BAR	0x4000u

#define LATER	      (DSDT_10_0 | DSDT_11_0 | DSDT_11_1)
#define ALL	      (DSDT_7_2 | LATER)
#define SERIAL(forms) ((forms) << 4)  /* machines with a serial port */
#define HPET(forms)   ((forms) << 8)  /* with an HPET */
#define FLAT(forms)   ((forms) << 12) /* without a bridge */
#define PCI(forms)    ((forms) << 16) /* with enum acpi_bridge's pci-bridge */
#define PCIE(forms)   ((forms) << 20) /* with its pcie-root-port */
#define BRIDGE(forms) (PCI(forms) | PCIE(forms))

/* The four routes of a slot: pin p goes to link @first + p, or with @rotate to the one that is
 * @slot further, modulo 4. */
static void add_routes(struct buf *to, unsigned slot, const char *link, char first, bool rotate)
{
	for (unsigned pin = 0; pin < 4; pin++)
		buf_fmt(to, " (package #04 0x%x %u %s%c 0)", slot << 16 | 0xffff, pin, link,
			first + (char)(((rotate ? slot : 0) + pin) % 4));
}

/* Slots 25 to 29 and 31 are the chipset's own: pin A goes to link A. */
static void add_slots(struct buf *to, const char *link)
{
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		bool chipset = (slot >= 25 && slot <= 29) || slot == 31;

		add_routes(to, slot, link, chipset ? 'A' : 'E', slot <= 24);
	}
}

static void add_pic_routes(const struct acpi_q35 *machine, struct buf *to)
{
	(void)machine;
	add_slots(to, "LNK");
}

static void add_apic_routes(const struct acpi_q35 *machine, struct buf *to)
{
	(void)machine;
	add_slots(to, "GSI");
}

/* Interrupt links A to H: those that chipset registers route to 5, 10 or 11, and those wired to
 * 16 to 23 of the I/O APIC. */
static void add_links(const struct acpi_q35 *machine, struct buf *to)
{
	(void)machine;
	for (char c = 'A'; c <= 'H'; c++)
		buf_fmt(to,
			" (device LNK%c (name _HID (eisaid 'PNP0C0F')) (name _UID %d)"
			" (name _PRS (resources (interrupts #09 #03 #05000000 #0a000000 "
			"#0b000000)))"
			" (method _STA #00 (return (IQST PRQ%c)))"
			" (method _DIS #00 (or PRQ%c 0x80 PRQ%c))"
			" (method _CRS #00 (return (IQCR PRQ%c)))"
			" (method _SRS #01 (dword_field arg0 5 PRRI) (store PRRI PRQ%c)))",
			c, c - 'A', c, c, c, c, c);
	for (char c = 'A'; c <= 'H'; c++)
		buf_fmt(to,
			" (device GSI%c (name _HID (eisaid 'PNP0C0F')) (name _UID %d)"
			" (name _PRS (resources (interrupts #09 #01 #%02x000000)))"
			" (name _CRS (resources (interrupts #09 #01 #%02x000000)))"
			" (method _DIS #00) (method _SRS #01))",
			c, 16 + c - 'A', 16 + c - 'A', 16 + c - 'A');
}

static void add_notifications(const struct acpi_q35 *machine, struct buf *to)
{
	for (uint32_t i = 0; i < machine->vcpus; i++)
		buf_fmt(to, " (if (eq arg0 %" PRIu32 ") (notify C%03" PRIX32 " arg1))", i, i);
}

static void add_count(const struct acpi_q35 *machine, struct buf *to)
{
	buf_fmt(to, " %" PRIu32, machine->vcpus);
}

/* One for each vCPU, whose APIC ID is its number; the first cannot be ejected. */
static void add_processors(const struct acpi_q35 *machine, struct buf *to)
{
	for (uint32_t i = 0; i < machine->vcpus; i++) {
		buf_fmt(to,
			" (processor C%03" PRIX32 " #%02" PRIx32 " #00000000 #00"
			" (method _STA #08 (return (CSTA %" PRIu32 ")))"
			" (name _MAT (buffer #0008%02" PRIx32 "%02" PRIx32 "01000000))",
			i, i, i, i, i);
		if (i > 0)
			buf_fmt(to, " (method _EJ0 #01 (CEJ0 %" PRIu32 "))", i);
		buf_fmt(to, " (method _OST #0b (COST %" PRIu32 " arg0 arg1 arg2)))", i);
	}
}

static uint64_t round_up(uint64_t value)
{
	return (value + GIB - 1) / GIB * GIB;
}

/* The window of 64-bit addresses: from the first BAR that firmware placed there (else from the end
 * of memory), as wide as the hole, or to the end of the last BAR if that is further. */
static void add_high_window(const struct acpi_q35 *machine, struct buf *to)
{
	const struct acpi_layout *layout = machine->layout;
	uint64_t hole = layout->hole_bytes != 0 ? layout->hole_bytes : HOLE_BYTES;
	uint64_t start = round_up(4 * GIB + machine->memory_bytes - machine->low_bytes);
	uint64_t used = 0, end;

	if (layout->endpoints != 0) {
		start = WINDOW_START;
		used = (layout->bridge == ACPI_PCIE_BRIDGE ? WINDOW_RESERVED : 0) +
		       (uint64_t)VIRTIO_BAR * acpi_layout_endpoints(layout);
	}
	end = round_up(start + hole);
	if (end < start + used)
		end = start + used;
	buf_fmt(to, " (qword #000c03 0 0x%" PRIx64 " 0x%" PRIx64 " 0 0x%" PRIx64 ")", start,
		end - 1, end - start);
}

/* The PCI windows around the configuration space, and the one above memory. */
static void add_windows(const struct acpi_q35 *machine, struct buf *to)
{
	uint64_t low = machine->low_bytes;

	buf_fmt(to, " (dword #000c01 0 0x%" PRIx64 " 0x%x 0 0x%" PRIx64 ")", low, PCI_CONFIG - 1,
		PCI_CONFIG - low);
	buf_str(to, " (dword #000c01 0 0xf0000000 0xfebfffff 0 0xec00000)");
	add_high_window(machine, to);
}

/* Virtio devices in the slots [@first, @end) of the root bus. */
static void add_endpoints(
	const struct acpi_q35 *machine, unsigned first, unsigned end, struct buf *to)
{
	for (unsigned slot = first; slot < end; slot++)
		if ((machine->layout->endpoints >> slot & 1) != 0)
			buf_fmt(to, " (device S%02X (name _ADR 0x%x))", slot << 3, slot << 16);
}

static void add_endpoints_before(const struct acpi_q35 *machine, struct buf *to)
{
	add_endpoints(machine, 1, BRIDGE_SLOT, to);
}

static void add_endpoints_after(const struct acpi_q35 *machine, struct buf *to)
{
	add_endpoints(machine, BRIDGE_SLOT, PCI_SLOTS - 1, to);
}

/* The empty slots of a PCI bridge, each of which tells its bus and slot with @tell. */
static void add_bridge_slots(const char *tell, struct buf *to)
{
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		buf_fmt(to,
			" (device S%02X (name _ADR 0x%x) (name ASUN %u) (method _DSM #0c%s"
			" (return (PDSM arg0 arg1 arg2 arg3 local0)))"
			" (name _SUN %u) (method _EJ0 #01 (PCEJ BSEL _SUN)))",
			slot << 3, slot << 16, slot, tell, slot);
	buf_str(to, " (method DVNT #02");
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		buf_fmt(to, " (if (and arg0 0x%x nil) (notify S%02X arg1))", 1u << slot, slot << 3);
	buf_str(to, ")");
}

#define TELL_7_2 " (store (package #02 BSEL ASUN) local0)"
#define TELL_LATER                                                                                 \
	" (store (package #02 0 0) local0) (store BSEL (index local0 0 nil))"                      \
	" (store ASUN (index local0 1 nil))"

static void add_bridge_slots_7_2(const struct acpi_q35 *machine, struct buf *to)
{
	(void)machine;
	add_bridge_slots(TELL_7_2, to);
}

static void add_bridge_slots_later(const struct acpi_q35 *machine, struct buf *to)
{
	(void)machine;
	add_bridge_slots(TELL_LATER, to);
}

static const struct piece {
	unsigned in; /* bits of the forms that have it */
	const char *text;
	void (*make)(const struct acpi_q35 *machine, struct buf *to);
} pieces[] = {
	/* clang-format off */
	{ALL,
		" (scope \\"
		"  (region DBG #01 0x402 1) (field DBG #01 (DBGB 8))"
		"  (method DBUG #01"
		"   (to_hex arg0 local0) (to_buffer local0 local0)"
		"   (subtract (sizeof local0) 1 local1) (store 0 local2)"
		"   (while (lt local2 local1)"
		"    (store (deref (index local0 local2 nil)) DBGB)"
		"    (inc local2))"
		"   (store 0xa DBGB)))"
		" (scope _SB"
		"  (device PCI0"
		"   (name _HID (eisaid 'PNP0A08')) (name _CID (eisaid 'PNP0A03'))",
		NULL},
	{DSDT_7_2,
		"   (name _ADR 0)",
		NULL},
	{ALL,
		"   (name _UID 0)"
		"   (method _OSC #04"
		"    (dword_field arg3 0 CDW1)"
		"    (if (eq arg0 (uuid '33db4d5b-1ff7-401c-9657-7441c03dd766'))"
		"     (dword_field arg3 4 CDW2) (dword_field arg3 8 CDW3) (store CDW3 local0)"
		"     (and local0 0x1e local0) (if (not (eq arg1 1)) (or CDW1 8 CDW1))"
		"     (if (not (eq CDW3 local0)) (or CDW1 0x10 CDW1))"
		"     (store local0 CDW3))"
		"    (else (or CDW1 4 CDW1))"
		"    (return arg3))",
		NULL},
	{LATER,
		"   (method EDSM #0d"
		"    (if (eq arg2 0)"
		"     (store (buffer #00) local0)"
		"     (if (not (eq arg0 (uuid 'e5c937d0-3553-4d7a-9117-ea4d19c3434d')))"
		"      (return local0))"
		"     (if (lt arg1 2) (return local0)) (store 0x81 (index local0 0 nil))"
		"     (return local0))"
		"    (if (eq arg2 7)"
		"     (store (package #02 0 '') local0)"
		"     (store (deref (index arg4 0 nil)) local1)"
		"     (store local1 (index local0 0 nil))"
		"     (return local0)))",
		NULL},
	{ALL,
		"  )"
		"  (device DRAC"
		"   (name _HID 'PNP0C01')"
		"   (name _CRS"
		"    (resources (dword #000c01 0x0 0xe0000000 0xefffffff 0x0 0x10000000)))))"
		" (scope _SB.PCI0"
		"  (region PCST #01 0xcc0 8) (field PCST #43 (PCIU 32) (PCID 32))"
		"  (region SEJ #01 0xcc8 4) (field SEJ #43 (B0EJ 32)) (region BNMR #01 0xcd0 8)"
		"  (field BNMR #43 (BNUM 32) (PIDX 32)) (mutex BLCK #00)"
		"  (method PCEJ #02"
		"   (acquire BLCK #ffff) (store arg0 BNUM) (store (shl 1 arg1 nil) B0EJ)"
		"   (release BLCK)"
		"   (return 0))"
		"  (method AIDX #02"
		"   (acquire BLCK #ffff) (store arg0 BNUM) (store (shl 1 arg1 nil) PIDX)"
		"   (store PIDX local0) (release BLCK)"
		"   (return local0))"
		"  (method PDSM #0d"
		"   (if (eq arg2 0)"
		"    (store (buffer #00) local0)",
		NULL},
	{DSDT_7_2,
		"    (store 0 local1)",
		NULL},
	{ALL,
		"    (if (not (eq arg0 (uuid 'e5c937d0-3553-4d7a-9117-ea4d19c3434d')))"
		"     (return local0))"
		"    (if (lt arg1 2) (return local0))",
		NULL},
	{LATER,
		"    (store 0 local1)",
		NULL},
	{ALL,
		"    (store (AIDX (deref (index arg4 0 nil)) (deref (index arg4 1 nil))) local2)"
		"    (if (not (or (eq local2 0) (eq local2 0xffffffff) nil))"
		"     (or local1 1 local1)"
		"     (or local1 (shl 1 7 nil) local1))"
		"    (store local1 (index local0 0 nil))"
		"    (return local0))"
		"   (if (eq arg2 7)"
		"    (store (AIDX (deref (index arg4 0 nil)) (deref (index arg4 1 nil))) local2)"
		"    (store (package #02) local0)"
		"    (if (not (lor (eq local2 0) (eq local2 0xffffffff)))"
		"     (store local2 (index local0 0 nil))"
		"     (store '' (index local0 1 nil)))"
		"    (return local0))))"
		" (name PICF 0) (method _PIC #01 (store arg0 PICF))"
		" (scope _SB"
		"  (scope PCI0"
		"   (name PRTP"
		"    (package #80",
		NULL},
	{ALL, NULL, add_pic_routes},
	{ALL,
		"   ))"
		"   (name PRTA"
		"    (package #80",
		NULL},
	{ALL, NULL, add_apic_routes},
	{ALL,
		"   ))"
		"   (method _PRT #00 (if (eq PICF 0) (return PRTP)) (else (return PRTA))))"
		"  (method IQST #01 (if (and 0x80 arg0 nil) (return 9)) (return 0xb))"
		"  (method IQCR #09"
		"   (name PRR0 (resources (interrupts #09 #01 #00000000)))"
		"   (dword_field PRR0 5 PRRI) (store (and arg0 0xf nil) PRRI)"
		"   (return PRR0))",
		NULL},
	{ALL, NULL, add_links},
	{ALL,
		" )",
		NULL},
	{HPET(ALL),
		" (scope _SB"
		"  (device HPET"
		"   (name _HID (eisaid 'PNP0103')) (name _UID 0)"
		"   (region HPTM #00 0xfed00000 0x400) (field HPTM #13 (VEND 32) (PRD 32))"
		"   (method _STA #00"
		"    (store VEND local0) (store PRD local1) (shr local0 0x10 local0)"
		"    (if (lor (eq local0 0) (eq local0 0xffff)) (return 0))"
		"    (if (lor (eq local1 0) (gt local1 0x5f5e100)) (return 0))"
		"    (return 0xf))"
		"   (name _CRS (resources (memory32 #00 0xfed00000 0x400)))))",
		NULL},
	{ALL,
		" (scope _GPE (name _HID 'ACPI0006'))"
		" (scope _SB"
		"  (device \\_SB.PCI0.PRES"
		"   (name _HID (eisaid 'PNP0A06')) (name _UID 'CPU Hotplug resources')"
		"   (mutex CPLK #00) (name _CRS (resources (io 0xcd8 0xcd8 0x1 0xc)))"
		"   (region PRST #01 0xcd8 0xc)"
		"   (field PRST #41"
		"    (skip 32) (CPEN 1) (CINS 1) (CRMV 1) (CEJ0 1) (CEJF 1) (skip 3)"
		"    (CCMD 8))"
		"   (field PRST #03 (CSEL 32) (skip 32) (CDAT 32))",
		NULL},
	{DSDT_7_2 | DSDT_10_0,
		"   (method _INI #08 (store 0 CSEL))",
		NULL},
	{ALL,
		"  )"
		"  (device \\_SB.CPUS"
		"   (name _HID 'ACPI0010') (name _CID (eisaid 'PNP0A05'))"
		"   (method CTFY #02",
		NULL},
	{ALL, NULL, add_notifications},
	{ALL,
		"   )"
		"   (method CSTA #09"
		"    (acquire \\_SB.PCI0.PRES.CPLK #ffff) (store arg0 \\_SB.PCI0.PRES.CSEL)"
		"    (store 0 local0) (if (eq \\_SB.PCI0.PRES.CPEN 1) (store 0xf local0))"
		"    (release \\_SB.PCI0.PRES.CPLK)"
		"    (return local0))"
		"   (method CEJ0 #09"
		"    (acquire \\_SB.PCI0.PRES.CPLK #ffff) (store arg0 \\_SB.PCI0.PRES.CSEL)"
		"    (store 1 \\_SB.PCI0.PRES.CEJ0)"
		"    (release \\_SB.PCI0.PRES.CPLK))"
		"   (method CSCN #08"
		"    (acquire \\_SB.PCI0.PRES.CPLK #ffff) (name CNEW (package #ff))",
		NULL},
	{LATER,
		"    (name CEJL (package #ff))",
		NULL},
	{ALL,
		"    (store 0 local3) (store 1 local4)"
		"    (while (eq local4 1)"
		"     (store 0 local4) (store 1 local0) (store 0 local1)",
		NULL},
	{LATER,
		"     (store 0 local5)",
		NULL},
	{ALL,
		"     (while (land (eq local0 1) (lt local3",
		NULL},
	{ALL, NULL, add_count},
	{ALL,
		"      ))"
		"      (store 0 local0) (store local3 \\_SB.PCI0.PRES.CSEL)"
		"      (store 0 \\_SB.PCI0.PRES.CCMD)"
		"      (if (lt \\_SB.PCI0.PRES.CDAT local3) (break))",
		NULL},
	{DSDT_7_2,
		"      (if (eq local1 0xff) (store 1 local4) (break))",
		NULL},
	{LATER,
		"      (if (lor (eq local1 0xff) (eq local5 0xff)) (store 1 local4) (break))",
		NULL},
	{ALL,
		"      (store \\_SB.PCI0.PRES.CDAT local3)"
		"      (if (eq \\_SB.PCI0.PRES.CINS 1)"
		"       (store local3 (index CNEW local1 nil)) (inc local1)"
		"       (store 1 local0))",
		NULL},
	{DSDT_7_2,
		"      (else (if (eq \\_SB.PCI0.PRES.CRMV 1)"
		"       (CTFY local3 3) (store 1 \\_SB.PCI0.PRES.CRMV)"
		"       (store 1 local0)))",
		NULL},
	{LATER,
		"      (if (eq \\_SB.PCI0.PRES.CRMV 1)"
		"       (store local3 (index CEJL local5 nil)) (inc local5)"
		"       (store 1 local0))",
		NULL},
	{ALL,
		"      (inc local3))"
		"     (store 0 local2)"
		"     (while (lt local2 local1)"
		"      (store (deref (index CNEW local2 nil)) local3) (CTFY local3 1)"
		"      (store local3 debug) (store local3 \\_SB.PCI0.PRES.CSEL)"
		"      (store 1 \\_SB.PCI0.PRES.CINS)"
		"      (inc local2))",
		NULL},
	{LATER,
		"     (store 0 local2)"
		"     (while (lt local2 local5)"
		"      (store (deref (index CEJL local2 nil)) local3) (CTFY local3 3)"
		"      (store local3 \\_SB.PCI0.PRES.CSEL) (store 1 \\_SB.PCI0.PRES.CRMV)"
		"      (inc local2))",
		NULL},
	{ALL,
		"    )"
		"    (release \\_SB.PCI0.PRES.CPLK))"
		"   (method COST #0c"
		"    (acquire \\_SB.PCI0.PRES.CPLK #ffff) (store arg0 \\_SB.PCI0.PRES.CSEL)"
		"    (store 1 \\_SB.PCI0.PRES.CCMD) (store arg1 \\_SB.PCI0.PRES.CDAT)"
		"    (store 2 \\_SB.PCI0.PRES.CCMD) (store arg2 \\_SB.PCI0.PRES.CDAT)"
		"    (release \\_SB.PCI0.PRES.CPLK))",
		NULL},
	{ALL, NULL, add_processors},
	{ALL,
		"  ))"
		" (method \\_GPE._E02 #00 (\\_SB.CPUS.CSCN))"
		" (scope \\_SB.PCI0"
		"  (name _CRS"
		"   (resources"
		"    (word #020c00 0x0 0x0 0xff 0x0 0x100) (io 0xcf8 0xcf8 0x1 0x8)"
		"    (word #010c03 0x0 0x0 0xcf7 0x0 0xcf8)"
		"    (word #010c03 0x0 0xd00 0xffff 0x0 0xf300)"
		"    (dword #000c03 0x0 0xa0000 0xbffff 0x0 0x20000)",
		NULL},
	{ALL, NULL, add_windows},
	{ALL,
		"   ))"
		"  (device GPE0"
		"   (name _HID 'PNP0A06') (name _UID 'GPE0 resources') (name _STA 0xb)"
		"   (name _CRS (resources (io 0x620 0x620 0x1 0x10))))"
		"  (device PHPR"
		"   (name _HID 'PNP0A06') (name _UID 'PCI Hotplug resources') (name _STA 0xb)"
		"   (name _CRS (resources (io 0xcc0 0xcc0 0x1 0x18)))))"
		" (scope \\"
		"  (name _S3 (package #04 1 1 0 0)) (name _S4 (package #04 2 2 0 0))"
		"  (name _S5 (package #04 0 0 0 0)))"
		" (scope \\_SB.PCI0"
		"  (device FWCF"
		"   (name _HID 'QEMU0002') (name _STA 0xb)"
		"   (name _CRS (resources (io 0x510 0x510 0x1 0xc)))))"
		" (scope \\_SB"
		"  (scope PCI0"
		"   (device S00 (name _ADR 0))",
		NULL},
	{ALL, NULL, add_endpoints_before},
	{BRIDGE(ALL),
		"   (device S10 (name _ADR 0x20000)",
		NULL},
	{BRIDGE(DSDT_7_2),
		"    (name BSEL 0)",
		NULL},
	{PCI(LATER),
		"    (name BSEL 0)",
		NULL},
	{PCIE(ALL),
		"    (device S00 (name _ADR 0)",
		NULL},
	{PCIE(DSDT_7_2),
		"     (name ASUN 0)"
		"     (method _DSM #0c" TELL_7_2 " (return (PDSM arg0 arg1 arg2 arg3 local0)))",
		NULL},
	{PCIE(ALL),
		"     (name BSEL 1)",
		NULL},
	{BRIDGE(DSDT_7_2), NULL, add_bridge_slots_7_2},
	{BRIDGE(LATER), NULL, add_bridge_slots_later},
	{PCIE(DSDT_7_2),
		"     (method PCNT #00 (store 1 BNUM) (DVNT PCIU 1) (DVNT PCID 3))",
		NULL},
	{PCIE(ALL),
		"    )",
		NULL},
	{PCIE(LATER),
		"    (name BSEL 0)",
		NULL},
	{PCIE(ALL),
		"    (method DVNT #02)",
		NULL},
	{PCI(DSDT_7_2),
		"    (method PCNT #00 (store 0 BNUM) (DVNT PCIU 1) (DVNT PCID 3))",
		NULL},
	{PCIE(DSDT_7_2),
		"    (method PCNT #00 (store 0 BNUM) (DVNT PCIU 1) (DVNT PCID 3) (^S00.PCNT))",
		NULL},
	{BRIDGE(ALL),
		"   )",
		NULL},
	{ALL, NULL, add_endpoints_after},
	{ALL,
		"   (device SF8"
		"    (name _ADR 0x1f0000) (region PIRQ #02 0x60 0xc)"
		"    (scope \\_SB"
		"     (field PCI0.SF8.PIRQ #01"
		"      (PRQA 8) (PRQB 8) (PRQC 8) (PRQD 8) (skip 32) (PRQE 8) (PRQF 8) (PRQG 8)"
		"      (PRQH 8)))"
		"    (device KBD"
		"     (name _HID (eisaid 'PNP0303')) (name _STA 0xf)"
		"     (name _CRS"
		"      (resources (io 0x60 0x60 0x1 0x1) (io 0x64 0x64 0x1 0x1) (irq 0x2))))"
		"    (device MOU"
		"     (name _HID (eisaid 'PNP0F13')) (name _STA 0xf)"
		"     (name _CRS (resources (irq 0x1000))))",
		NULL},
	{SERIAL(ALL),
		"    (device COM1"
		"     (name _HID (eisaid 'PNP0501')) (name _UID 1) (name _STA 0xf)"
		"     (name _CRS (resources (io 0x3f8 0x3f8 0x0 0x8)",
		NULL},
	{SERIAL(DSDT_7_2 | DSDT_10_0 | DSDT_11_0), " (irq 0x10))))", NULL},
	{SERIAL(DSDT_11_1), " (irq_flags 0x10 #18))))", NULL},
	{ALL,
		"    (device RTC"
		"     (name _HID (eisaid 'PNP0B00'))"
		"     (name _CRS (resources (io 0x70 0x70 0x1 0x8) (irq 0x100)))))",
		NULL},
	{LATER,
		"   (device SFA (name _ADR 0x1f0002))",
		NULL},
	{ALL,
		"   (device SFB (name _ADR 0x1f0003))",
		NULL},
	{FLAT(DSDT_7_2),
		"   (method PCNT #00)",
		NULL},
	{BRIDGE(DSDT_7_2),
		"   (method PCNT #00 (^S10.PCNT))",
		NULL},
	{ALL,
		"  ))",
		NULL},
	{BRIDGE(LATER),
		" (scope \\_SB.PCI0 (scope S10",
		NULL},
	{PCI(LATER),
		"  (method PCNT #00 (store 0 BNUM) (DVNT PCIU 1) (DVNT PCID 3))",
		NULL},
	{PCIE(LATER),
		"  (scope S00 (method PCNT #00 (store 1 BNUM) (DVNT PCIU 1) (DVNT PCID 3)))"
		"  (method PCNT #00 (store 0 BNUM) (DVNT PCIU 1) (DVNT PCID 3) (^S00.PCNT))",
		NULL},
	{BRIDGE(LATER),
		"  ) (method PCNT #00 (^S10.PCNT)))",
		NULL},
	{ALL,
		" (scope _GPE (method _E01 #00",
		NULL},
	{DSDT_7_2,
		"   (acquire \\_SB.PCI0.BLCK #ffff) (\\_SB.PCI0.PCNT) (release \\_SB.PCI0.BLCK)",
		NULL},
	{BRIDGE(LATER),
		"   (acquire \\_SB.PCI0.BLCK #ffff) (\\_SB.PCI0.PCNT) (release \\_SB.PCI0.BLCK)",
		NULL},
	{ALL,
		" ))",
		NULL},
	/* clang-format on */
};

/* The bits of the pieces that a machine has. */
static unsigned pieces_of(const struct acpi_layout *layout, enum dsdt_form form)
{
	static const unsigned bridges[] = {[ACPI_NO_BRIDGE] = FLAT(1u),
		[ACPI_PCI_BRIDGE] = PCI(1u),
		[ACPI_PCIE_BRIDGE] = PCIE(1u)};
	unsigned bit = form;

	return bit | (layout->serial ? SERIAL(bit) : 0) | (layout->no_hpet ? 0 : HPET(bit)) |
	       bit * bridges[layout->bridge];
}

void acpi_dsdt_text(const struct acpi_q35 *machine, enum dsdt_form form, struct buf *ret)
{
	unsigned has = pieces_of(machine->layout, form);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if ((pieces[i].in & has) == 0)
			continue;
		if (pieces[i].text != NULL)
			buf_str(ret, pieces[i].text);
		else
			pieces[i].make(machine, ret);
	}
}
