/*
 * ACPI tables of QEMU's q35 machine (acpi-q35.h): hw/i386/acpi-build.c, hw/i386/acpi-common.c,
 * hw/acpi/aml-build.c and hw/acpi/bios-linker-loader.c; ACPI Specification 6.5, chapter 5.
 *
 * etc/acpi/tables has FACS, DSDT, FADT, MADT, HPET, MCFG, WAET and RSDT one after the other, then
 * zeros. Pointers in it are offsets, and checksums zero, until firmware runs the linker script
 * etc/table-loader, 128 bytes for each step.
 */
#include "measure/tdx/acpi-q35.h"

#include <inttypes.h>
#include <string.h>

#include "formats/aml.h"
#include "lib/wr.h"
#include "measure/tdx/acpi-dsdt.h"

#define TABLES_FILE  "etc/acpi/tables"
#define RSDP_FILE    "etc/acpi/rsdp"
#define TABLES_ALIGN 0x20000u
#define LOADER_BYTES 4096
#define STEP_BYTES   128
#define NAME_BYTES   56
#define HEADER_BYTES 36
#define FACS_BYTES   64
#define FADT_BYTES   244
#define PM_BASE	     0x600
#define GPE_BASE     0x620
#define LISTED_MAX   8

#define FADT_CLUSTER (1u << 18) /* interrupts by cluster: logical mode takes 8 CPUs only */

/* Offsets of pointers: in the FADT, in the RSDP. */
#define FADT_FACS   36
#define FADT_DSDT   40
#define FADT_X_DSDT 140
#define RSDP_RSDT   16

struct tables {
	struct buf blob, script;
	uint32_t facs, dsdt;
	uint32_t listed[LISTED_MAX]; /* offsets of the tables that the RSDT lists */
	size_t listed_count;
};

/* What tells versions apart. Those that have a row were compared with a stock QEMU, shape by shape:
 * that is what "acpi_verified" says. */
static const struct release {
	const char *version;
	enum dsdt_form form;
	uint8_t madt_revision;
	bool pic; /* the MADT claims a PIC even when there is none */
} releases[] = {
	{"7.2.", DSDT_7_2, 1, true},	/* Debian 12's 7.2.22 */
	{"10.0.", DSDT_10_0, 3, false}, /* Debian 13's 10.0.13 */
	{"10.1.", DSDT_10_0, 3, false}, /* Ubuntu's 10.1.0, and the RTMR0 of a TD on hardware */
	{"10.2.", DSDT_10_0, 3, false}, /* Ubuntu's 10.2.1 */
	{"11.0.", DSDT_11_0, 3, false}, /* Ubuntu's 11.0.3 */
	{"11.1.", DSDT_11_1, 3, false}, /* Debian's 11.1.3 */
};

static void add_le(struct buf *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add(to, (unsigned char[1]){(unsigned char)(value >> (8 * i))}, 1);
}

/* --- the linker script --- */

enum step {
	STEP_ALLOCATE = 1,
	STEP_POINTER = 2,
	STEP_CHECKSUM = 3,
};

static void add_file(struct buf *to, const char *name)
{
	char field[NAME_BYTES] = "";

	memcpy(field, name, strlen(name));
	buf_add(to, field, sizeof(field));
}

static void step_allocate(struct buf *script, const char *file, uint32_t align, uint8_t zone)
{
	add_le(script, STEP_ALLOCATE, 4);
	add_file(script, file);
	add_le(script, align, 4);
	add_le(script, zone, 1);
	buf_align(script, STEP_BYTES);
}

/* The pointer of @bytes at @offset of @file, into the tables. */
static void step_pointer(struct buf *script, const char *file, uint32_t offset, uint8_t bytes)
{
	add_le(script, STEP_POINTER, 4);
	add_file(script, file);
	add_file(script, TABLES_FILE);
	add_le(script, offset, 4);
	add_le(script, bytes, 1);
	buf_align(script, STEP_BYTES);
}

static void step_checksum(
	struct buf *script, const char *file, uint32_t offset, uint32_t start, uint32_t length)
{
	add_le(script, STEP_CHECKSUM, 4);
	add_file(script, file);
	add_le(script, offset, 4);
	add_le(script, start, 4);
	add_le(script, length, 4);
	buf_align(script, STEP_BYTES);
}

/* --- tables --- */

static void add_oem(struct buf *to)
{
	buf_str(to, "BOCHS ");
}

/* Appends a table of these contents, and its checksum to the script; returns its offset. */
static uint32_t add_table(
	struct tables *tables, const char *signature, uint8_t revision, const struct buf *contents)
{
	struct buf *to = &tables->blob;
	uint32_t at = (uint32_t)to->len;
	uint32_t length = HEADER_BYTES + (uint32_t)contents->len;

	buf_str(to, signature);
	add_le(to, length, 4);
	add_le(to, revision, 1);
	add_le(to, 0, 1);
	add_oem(to);
	buf_str(to, "BXPC    ");
	add_le(to, 1, 4);
	buf_str(to, "BXPC");
	add_le(to, 1, 4);
	buf_add(to, contents->data, contents->len);
	to->bad |= contents->bad;
	step_checksum(&tables->script, TABLES_FILE, at + 9, at, length);
	return at;
}

/* The same for a table that the RSDT lists. */
static void list_table(
	struct tables *tables, const char *signature, uint8_t revision, const struct buf *contents)
{
	tables->listed[tables->listed_count++] = add_table(tables, signature, revision, contents);
}

static void add_facs(struct tables *tables)
{
	tables->facs = (uint32_t)tables->blob.len;
	buf_str(&tables->blob, "FACS");
	add_le(&tables->blob, FACS_BYTES, 4);
	buf_align(&tables->blob, FACS_BYTES);
}

/* An I/O port as a generic address; zero bits for none. */
static void wr_port(struct wr *wr, uint8_t bits, uint16_t port)
{
	wr_u8(wr, bits != 0);
	wr_u8(wr, bits);
	wr_le16(wr, 0);
	wr_le64(wr, port);
}

static void wr_zeros(struct wr *wr, size_t n)
{
	wr_fill(wr, 0, n);
}

static void wr_fadt_ports(struct wr *wr)
{
	wr_le32(wr, PM_BASE); /* PM1a events */
	wr_le32(wr, 0);
	wr_le32(wr, PM_BASE + 4); /* PM1a control */
	wr_zeros(wr, 8);
	wr_le32(wr, PM_BASE + 8); /* timer */
	wr_le32(wr, GPE_BASE);
	wr_le32(wr, 0);
	wr_bytes(wr, "\x04\x02\x00\x04\x10\x00\x00\x00", 8); /* their lengths */
}

static void wr_fadt_wide_ports(struct wr *wr)
{
	wr_port(wr, 32, PM_BASE);
	wr_port(wr, 0, 0);
	wr_port(wr, 16, PM_BASE + 4);
	wr_port(wr, 0, 0);
	wr_port(wr, 0, 0);
	wr_port(wr, 32, PM_BASE + 8);
	wr_port(wr, 128, GPE_BASE);
	wr_port(wr, 0, 0);
}

static void add_fadt(struct tables *tables, const struct acpi_q35 *machine)
{
	unsigned char bytes[FADT_BYTES - HEADER_BYTES];
	struct wr wr = wr_init(bytes, sizeof(bytes));
	struct buf contents = {.data = bytes, .len = sizeof(bytes)};
	uint32_t at = (uint32_t)tables->blob.len;
	struct buf *script = &tables->script;

	wr_le32(&wr, tables->facs);
	wr_le32(&wr, tables->dsdt);
	wr_le16(&wr, 1);  /* interrupt model: APIC */
	wr_le16(&wr, 9);  /* SCI */
	wr_zeros(&wr, 8); /* without SMM there is no SMI port */
	wr_fadt_ports(&wr);
	wr_le16(&wr, 0xfff); /* no C2 */
	wr_le16(&wr, 0xfff); /* no C3 */
	wr_zeros(&wr, 8);
	wr_u8(&wr, 0x32); /* RTC century */
	wr_le16(&wr, 2);  /* an 8042 */
	wr_u8(&wr, 0);
	wr_le32(&wr, 0x84a5 | (machine->vcpus > 8 ? FADT_CLUSTER : 0));
	wr_port(&wr, 8, 0xcf9); /* reset */
	wr_le32(&wr, 0x0f);
	wr_le64(&wr, 0);
	wr_le64(&wr, tables->dsdt);
	wr_fadt_wide_ports(&wr);
	if (wr.bad || wr.pos != sizeof(bytes))
		tables->blob.bad = true;
	step_pointer(script, TABLES_FILE, at + FADT_FACS, 4);
	step_pointer(script, TABLES_FILE, at + FADT_DSDT, 4);
	step_pointer(script, TABLES_FILE, at + FADT_X_DSDT, 8);
	list_table(tables, "FACP", 3, &contents);
}

static void add_madt(
	struct tables *tables, const struct acpi_q35 *machine, const struct release *release)
{
	/* Interrupt source overrides: ISA interrupt, global one, flags (13: active high, level). */
	static const unsigned char overrides[][3] = {
		{0, 2, 0}, {5, 5, 13}, {9, 9, 13}, {10, 10, 13}, {11, 11, 13}};
	BUF_AUTO to = {0};

	add_le(&to, 0xfee00000, 4);
	add_le(&to, release->pic, 4);
	for (uint32_t i = 0; i < machine->vcpus; i++) {
		add_le(&to, 0x0800, 2); /* local APIC */
		add_le(&to, i, 1);
		add_le(&to, i, 1);
		add_le(&to, 1, 4);
	}
	add_le(&to, 0x0c01, 4); /* I/O APIC */
	add_le(&to, 0xfec00000, 8);
	for (size_t i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		add_le(&to, 0x0a02, 3);
		add_le(&to, overrides[i][0], 1);
		add_le(&to, overrides[i][1], 4);
		add_le(&to, overrides[i][2], 2);
	}
	buf_add(&to, "\x04\x06\xff\0\0\x01", 6); /* NMI: LINT1 of every APIC */
	list_table(tables, "APIC", release->madt_revision, &to);
}

static void add_hpet(struct tables *tables)
{
	BUF_AUTO to = {0};

	add_le(&to, 0x8086a201, 4);
	add_le(&to, 0, 4);
	add_le(&to, 0xfed00000, 8);
	add_le(&to, 0, 4);
	list_table(tables, "HPET", 1, &to);
}

static void add_mcfg(struct tables *tables)
{
	BUF_AUTO to = {0};

	add_le(&to, 0, 8);
	add_le(&to, 0xe0000000, 8);
	add_le(&to, 0xff000000, 8); /* segment 0, buses 0 to 255 */
	list_table(tables, "MCFG", 1, &to);
}

/* Windows ACPI Emulated devices Table: the PM timer needs no second reading. */
static void add_waet(struct tables *tables)
{
	BUF_AUTO to = {0};

	add_le(&to, 2, 4);
	list_table(tables, "WAET", 1, &to);
}

/* The RSDT, whose pointers come before its checksum; returns its offset. */
static uint32_t add_rsdt(struct tables *tables)
{
	BUF_AUTO to = {0};
	uint32_t at = (uint32_t)tables->blob.len;

	for (size_t i = 0; i < tables->listed_count; i++) {
		step_pointer(&tables->script, TABLES_FILE, at + HEADER_BYTES + 4 * (uint32_t)i, 4);
		add_le(&to, tables->listed[i], 4);
	}
	return add_table(tables, "RSDT", 1, &to);
}

static void add_rsdp(struct tables *tables, uint32_t rsdt, struct buf *rsdp)
{
	buf_str(rsdp, "RSD PTR ");
	add_le(rsdp, 0, 1);
	add_oem(rsdp);
	add_le(rsdp, 0, 1);
	add_le(rsdp, rsdt, 4);
	step_pointer(&tables->script, RSDP_FILE, RSDP_RSDT, 4);
	step_checksum(&tables->script, RSDP_FILE, 8, 0, 20);
}

static int add_dsdt(struct tables *tables, const struct acpi_q35 *machine,
	const struct release *release, struct err *err)
{
	BUF_AUTO text = {0};
	BUF_AUTO aml = {0};
	int rc;

	acpi_dsdt_text(machine, release->form, &text);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = aml_assemble(buf_cstr(&text), &aml, err);
	if (rc != 0)
		return rc;
	tables->dsdt = add_table(tables, "DSDT", 1, &aml);
	return 0;
}

/* The row of a version, or NULL. */
static const struct release *release_of(const char *version)
{
	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
		if (strncmp(version, releases[i].version, strlen(releases[i].version)) == 0)
			return &releases[i];
	return NULL;
}

static int check_machine(const struct acpi_q35 *machine, struct err *err)
{
	if (machine->vcpus == 0 || machine->vcpus > ACPI_Q35_VCPUS_MAX)
		return err_fail(err, -ENOTSUP, "built-in ACPI tables are for 1 to %d vCPUs",
			ACPI_Q35_VCPUS_MAX);
	if (machine->memory_bytes < ACPI_Q35_MEMORY_MIN ||
		machine->memory_bytes > ACPI_Q35_MEMORY_MAX ||
		machine->memory_bytes % (1u << 20) != 0)
		return err_fail(err, -ENOTSUP,
			"built-in ACPI tables are for 512 MiB to 512 GiB of memory, in whole MiB");
	return 0;
}

static int build(const struct acpi_q35 *machine, const struct release *release,
	struct tables *tables, struct acpi_blobs *blobs, struct err *err)
{
	int rc;

	step_allocate(&tables->script, RSDP_FILE, 16, 2);
	step_allocate(&tables->script, TABLES_FILE, 64, 1);
	add_facs(tables);
	rc = add_dsdt(tables, machine, release, err);
	if (rc != 0)
		return rc;
	add_fadt(tables, machine);
	add_madt(tables, machine, release);
	if (!machine->layout->no_hpet)
		add_hpet(tables);
	add_mcfg(tables);
	add_waet(tables);
	add_rsdp(tables, add_rsdt(tables), &blobs->rsdp);
	buf_align(&tables->blob, TABLES_ALIGN);
	buf_align(&tables->script, LOADER_BYTES);
	rc = buf_check(&tables->blob, err);
	if (rc == 0)
		rc = buf_check(&tables->script, err);
	return rc != 0 ? rc : buf_check(&blobs->rsdp, err);
}

int acpi_q35_build(const struct acpi_q35 *machine, struct acpi_blobs *ret, struct err *err)
{
	const struct release *release = release_of(machine->version);
	struct tables tables = {.blob = {.data = NULL}};
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	int rc;

	if (release == NULL)
		return err_fail(
			err, -ENOTSUP, "no built-in ACPI tables of QEMU %s", machine->version);
	rc = check_machine(machine, err);
	if (rc == 0)
		rc = build(machine, release, &tables, &blobs, err);
	blobs.tables = tables.blob;
	blobs.loader = tables.script;
	if (rc != 0)
		return rc;
	*ret = blobs;
	blobs = (struct acpi_blobs){.loader = {.data = NULL}};
	return 0;
}
