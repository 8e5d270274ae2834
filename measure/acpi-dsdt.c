/* The DSDT of QEMU's q35 machine (acpi-dsdt.h). */
#include "measure/acpi-dsdt.h"

#include <inttypes.h>

#define GIB	       (1ull << 30)
#define PCI_CONFIG     0xe0000000u /* 256 MiB, where firmware puts it */
#define WINDOW_64_BITS (32 * GIB)  /* above memory, when firmware leaves it to QEMU */
#define PCI_SLOTS      32

#define LATER	      (DSDT_10_0 | DSDT_11_1)
#define ALL	      (DSDT_7_2 | LATER)
#define SERIAL(forms) ((forms) << 4) /* machines with a serial port */

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

/* The PCI windows around the configuration space, and the one above memory. */
static void add_windows(const struct acpi_q35 *machine, struct buf *to)
{
	uint64_t low = machine->low_bytes;
	uint64_t high = 4 * GIB + machine->memory_bytes - low;

	high = (high + GIB - 1) / GIB * GIB;
	buf_fmt(to, " (dword #000c01 0 0x%" PRIx64 " 0x%x 0 0x%" PRIx64 ")", low, PCI_CONFIG - 1,
		PCI_CONFIG - low);
	buf_str(to, " (dword #000c01 0 0xf0000000 0xfebfffff 0 0xec00000)");
	buf_fmt(to, " (qword #000c03 0 0x%" PRIx64 " 0x%" PRIx64 " 0 0x%" PRIx64 ")", high,
		high + (uint64_t)WINDOW_64_BITS - 1, (uint64_t)WINDOW_64_BITS);
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
		" )"
		" (scope _SB"
		"  (device HPET"
		"   (name _HID (eisaid 'PNP0103')) (name _UID 0)"
		"   (region HPTM #00 0xfed00000 0x400) (field HPTM #13 (VEND 32) (PRD 32))"
		"   (method _STA #00"
		"    (store VEND local0) (store PRD local1) (shr local0 0x10 local0)"
		"    (if (lor (eq local0 0) (eq local0 0xffff)) (return 0))"
		"    (if (lor (eq local1 0) (gt local1 0x5f5e100)) (return 0))"
		"    (return 0xf))"
		"   (name _CRS (resources (memory32 #00 0xfed00000 0x400)))))"
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
		"   (device S00 (name _ADR 0))"
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
	{SERIAL(DSDT_7_2 | DSDT_10_0), " (irq 0x10))))", NULL},
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
	{DSDT_7_2,
		"   (method PCNT #00)))"
		" (scope _GPE (method _E01 #00"
		"   (acquire \\_SB.PCI0.BLCK #ffff) (\\_SB.PCI0.PCNT) (release \\_SB.PCI0.BLCK)))",
		NULL},
	{LATER,
		"  )) (scope _GPE (method _E01 #00))",
		NULL},
	/* clang-format on */
};

void acpi_dsdt_text(const struct acpi_q35 *machine, enum dsdt_form form, struct buf *ret)
{
	unsigned has = (unsigned)form | (machine->serial ? SERIAL((unsigned)form) : 0);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if ((pieces[i].in & has) == 0)
			continue;
		if (pieces[i].text != NULL)
			buf_str(ret, pieces[i].text);
		else
			pieces[i].make(machine, ret);
	}
}
