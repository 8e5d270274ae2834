/*
 * SMBIOS tables of QEMU's q35 machine (smbios.h): hw/smbios/smbios.c, hw/i386/fw_cfg.c. A structure
 * is type, length, handle and fields, then its strings, each with a NUL, then a NUL; two when there
 * are no strings.
 */
#include "measure/tdx/smbios.h"

#include <stdio.h>
#include <string.h>

#define KIB	   (1ull << 10)
#define MIB	   (1ull << 20)
#define GIB	   (1ull << 30)
#define MEMORY_MIN (512 * MIB)
#define MEMORY_MAX (512 * GIB)
#define VCPUS_MAX  64
#define SIZE_MAX17 0x7fff /* MiB that the 16-bit field of a memory device holds */

static const char manufacturer[] = "QEMU";
static const char product[] = "Standard PC (Q35 + ICH9, 2009)";

/* What tells versions apart. */
static const struct release {
	const char *version, *machine;
	uint8_t processor_family; /* 1: other, 0xfe: see the second field */
	uint64_t device_bytes;	  /* of memory, at most */
} releases[] = {
	{"7.2.", "pc-q35-7.2", 0x01, 16 * GIB},	    /* Debian 12's 7.2.22 */
	{"10.0.", "pc-q35-10.0", 0xfe, 2048 * GIB}, /* Debian 13's 10.0.13 */
	{"10.1.", "pc-q35-10.1", 0xfe, 2048 * GIB}, /* Ubuntu's 10.1.0 */
	{"10.2.", "pc-q35-10.2", 0xfe, 2048 * GIB}, /* Ubuntu's 10.2.1 */
	{"11.0.", "pc-q35-11.0", 0xfe, 2048 * GIB}, /* Ubuntu's 11.0.3 */
	{"11.1.", "pc-q35-11.1", 0xfe, 2048 * GIB}, /* Debian's 11.1.3 */
};

static void add_le(struct buf *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add(to, (unsigned char[1]){(unsigned char)(value >> (8 * i))}, 1);
}

/* One field of a structure. */
struct field {
	unsigned bytes;
	uint64_t value;
};

/* Appends a structure with @count fields and its strings, NULL at their end. */
static void add(struct buf *to, uint8_t type, uint16_t handle, const struct field *fields,
	size_t count, const char *const *strings)
{
	size_t length = 4;

	for (size_t i = 0; i < count; i++)
		length += fields[i].bytes;
	add_le(to, type, 1);
	add_le(to, length, 1);
	add_le(to, handle, 2);
	for (size_t i = 0; i < count; i++)
		add_le(to, fields[i].value, fields[i].bytes);
	if (strings[0] == NULL)
		add_le(to, 0, 1);
	for (size_t i = 0; strings[i] != NULL; i++)
		buf_add(to, strings[i], strlen(strings[i]) + 1);
	add_le(to, 0, 1);
}

/* The same with an array of fields; the strings end in NULL. */
#define ADD(to, type, handle, fields, ...)                                                         \
	add(to, type, handle, fields, sizeof(fields) / sizeof((fields)[0]),                        \
		(const char *const[]){__VA_ARGS__})

static void add_system(struct buf *to, const struct release *release)
{
	static const struct field system[] = {
		{1, 1}, {1, 2}, {1, 3}, /* manufacturer, product, version */
		{1, 0},			/* serial number */
		{8, 0}, {8, 0},		/* UUID */
		{1, 6},			/* woken by the power switch */
		{1, 0}, {1, 0},		/* SKU, family */
	};
	static const struct field chassis[] = {
		{1, 1}, {1, 1}, {1, 2}, /* manufacturer, other, version */
		{1, 0}, {1, 0},		/* serial number, asset tag */
		{1, 3}, {1, 3}, {1, 3}, /* states: safe */
		{1, 2},			/* security: unknown */
		{4, 0}, {1, 0}, {1, 0}, /* OEM, height, power cords */
		{1, 0}, {1, 0},		/* elements and their size */
		{1, 0},			/* SKU */
	};

	ADD(to, 1, 0x100, system, manufacturer, product, release->machine, NULL);
	ADD(to, 3, 0x300, chassis, manufacturer, release->machine, NULL);
}

/* The processor in a socket, of so many cores. */
static void add_processor(struct buf *to, const struct release *release,
	const struct smbios_q35 *machine, unsigned socket, unsigned cores)
{
	uint64_t id = 0;
	char name[16];

	for (unsigned i = 0; i < SMBIOS_PROCESSOR_ID_SIZE; i++)
		id |= (uint64_t)machine->processor_id[i] << (8 * i);
	snprintf(name, sizeof(name), "CPU%2x", socket);
	ADD(to, 4, (uint16_t)(0x400 + socket),
		((const struct field[]){
			{1, 1}, {1, 3}, {1, release->processor_family}, {1, 2}, /* socket, CPU */
			{8, id}, {1, 3},					/* version */
			{1, 0}, {2, 0}, {2, 2000}, {2, 2000},  /* voltage, clock, speeds */
			{1, 0x41}, {1, 1},		       /* enabled; upgrade: other */
			{2, 0xffff}, {2, 0xffff}, {2, 0xffff}, /* caches: none */
			{1, 0}, {1, 0}, {1, 0},		       /* serial number, tag, part */
			{1, cores}, {1, cores}, {1, cores}, {2, 2},
			{2, 1}, /* characteristics: unknown; second family: other */
		}),
		name, manufacturer, release->machine, NULL);
}

/* One, which is how QEMU counts vCPUs without a topology, or one for each vCPU. */
static void add_processors(
	struct buf *to, const struct release *release, const struct smbios_q35 *machine)
{
	unsigned sockets = machine->sockets ? machine->vcpus : 1;

	for (unsigned i = 0; i < sockets; i++)
		add_processor(to, release, machine, i, machine->vcpus / sockets);
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit;
}

static void add_device(struct buf *to, unsigned index, uint64_t bytes)
{
	uint64_t size = round_up(bytes, MIB);
	bool extended = size >= SIZE_MAX17;
	char locator[16];

	snprintf(locator, sizeof(locator), "DIMM %u", index);
	ADD(to, 17, (uint16_t)(0x1100 + index),
		((const struct field[]){
			{2, 0x1000},
			{2, 0xfffe},
			{2, 0xffff},
			{2, 0xffff}, /* array, error, widths */
			{2, extended ? SIZE_MAX17 : size},
			{1, 9},
			{1, 0}, /* DIMM, of no set */
			{1, 1},
			{1, 0},
			{1, 7},
			{2, 2},
			{2, 0}, /* locators, RAM */
			{1, 2},
			{1, 0},
			{1, 0},
			{1, 0},
			{1, 0}, /* manufacturer */
			{4, extended ? size : 0},
			{2, 0},
			{2, 0},
			{2, 0},
			{2, 0},
		}),
		locator, manufacturer, NULL);
}

static void add_range(struct buf *to, unsigned index, uint64_t start, uint64_t bytes)
{
	ADD(to, 19, (uint16_t)(0x1300 + index),
		((const struct field[]){
			{4, start / KIB},
			{4, (start + bytes - 1) / KIB},
			{2, 0x1000},
			{1, 1},
			{8, 0},
			{8, 0},
		}),
		NULL);
}

static void add_memory(
	struct buf *to, const struct release *release, const struct smbios_q35 *machine)
{
	unsigned count = (unsigned)round_up(machine->memory_bytes, release->device_bytes);
	uint64_t left = machine->memory_bytes;

	ADD(to, 16, 0x1000,
		((const struct field[]){
			{1, 1},
			{1, 3},
			{1, 6}, /* other place, system memory, multi-bit ECC */
			{4, round_up(machine->memory_bytes, KIB)},
			{2, 0xfffe},
			{2, count},
			{8, 0},
		}),
		NULL);
	for (unsigned i = 0; i < count; i++) {
		uint64_t bytes = left < release->device_bytes ? left : release->device_bytes;

		add_device(to, i, bytes);
		left -= bytes;
	}
	add_range(to, 0, 0, machine->low_bytes);
	if (machine->memory_bytes > machine->low_bytes)
		add_range(to, 1, 4 * GIB, machine->memory_bytes - machine->low_bytes);
}

int smbios_q35_build(const struct smbios_q35 *machine, struct buf *ret, struct err *err)
{
	static const struct field status[] = {{6, 0}, {1, 0}};
	const struct release *release = NULL;

	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
		if (strncmp(machine->version, releases[i].version, strlen(releases[i].version)) ==
			0)
			release = &releases[i];
	if (release == NULL)
		return err_fail(err, -ENOTSUP,
			"the SMBIOS tables of QEMU %s are not known: give them in a directory",
			machine->version);
	if (machine->memory_bytes < MEMORY_MIN || machine->memory_bytes > MEMORY_MAX ||
		machine->vcpus == 0 || machine->vcpus > VCPUS_MAX)
		return err_fail(err, -ENOTSUP,
			"SMBIOS tables are known for 512 MiB to 512 GiB and 1 to %d vCPUs",
			VCPUS_MAX);
	add_system(ret, release);
	add_processors(ret, release, machine);
	add_memory(ret, release, machine);
	ADD(ret, 32, 0x2000, status, NULL);
	add(ret, 127, 0x7f00, NULL, 0, (const char *const[]){NULL});
	return buf_check(ret, err);
}
