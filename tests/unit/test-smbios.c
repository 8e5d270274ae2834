/* SMBIOS tables as firmware measures them: what is filtered, what is added, what is refused. QEMU's
 * own tables, and the digest that a real OVMF logged, are compared by the oracles. */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/smbios.h"

#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

static const struct generation_bios bios = {.known = true,
	.fixed = {0, GENERATION_BIOS_SIZE, 0, 0, 1, 2, 0, 0xe8, 3, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0,
		0x1c, 0, 0, 0xff, 0xff},
	.vendor = "Debian distribution of EDK II",
	.version = "2026.08+ds-2",
	.date = "09/26/2026"};

/* What OVMF 2026.08 of Debian logged under QEMU 10.0 with two vCPUs and 2 GiB. */
static void test_real(void)
{
	static const char want[] = "444e5047cb402a2c432d4f8bbe69421721b049d2df210013a00bbeb872779fa"
				   "20fcf486b2895ebeccac"
				   "1e821e8d9e541";
	const struct smbios_q35 machine = {.version = "10.0.13",
		.memory_bytes = 2ull << 30,
		.low_bytes = 2ull << 30,
		.vcpus = 2,
		.processor_id = {0x63, 0x06, 0, 0, 0xfd, 0xfb, 0xcb, 0x1f}};
	BUF_AUTO tables = {0};
	BUF_AUTO measured = {0};
	unsigned char digest[SHA384_SIZE];
	char hex[2 * SHA384_SIZE + 1] = "";
	struct err err = {0};

	ok(smbios_q35_build(&machine, &tables, &err) == 0 &&
			smbios_measured(&bios, tables.data, tables.len, &measured, &err) == 0 &&
			digest_bytes(DIGEST_SHA384, measured.data, measured.len, digest, &err) == 0,
		"tables of a q35 machine");
	hex_encode(digest, sizeof(digest), hex);
	is_str(hex, want, "as a real OVMF logged them");
}

/* Appends a structure of @length bytes, all 0x01 but for its header, and its strings (with NULs). */
static void add(struct buf *to, unsigned type, unsigned handle, size_t length, const char *strings,
	size_t n)
{
	buf_add(to,
		(unsigned char[]){(unsigned char)type, (unsigned char)length, (unsigned char)handle,
			(unsigned char)(handle >> 8)},
		4);
	for (size_t i = 4; i < length; i++)
		buf_add(to, "\1", 1);
	buf_add(to, strings, n);
	buf_add(to, "", 1);
}

static void end(struct buf *to)
{
	buf_add(to, "\x7f\4\0\x7f\0\0", 6);
}

/* What is left of one structure of all ones and these strings: fixed part in hex, then strings with
 * '.' for NULs. */
static void filtered_is(unsigned type, size_t length, const char *strings, size_t n,
	const char *want, const char *what)
{
	BUF_AUTO tables = {0};
	BUF_AUTO measured = {0};
	BUF_AUTO got = {0};
	struct err err = {0};
	int rc;

	add(&tables, type, 0x123, length, strings, n);
	end(&tables);
	rc = smbios_measured(&bios, tables.data, tables.len, &measured, &err);
	for (size_t i = 4; i < length && rc == 0; i++)
		buf_fmt(&got, "%d", measured.data[i]);
	buf_str(&got, " ");
	for (size_t i = length; i < length + n && rc == 0; i++)
		buf_fmt(&got, "%c", measured.data[i] == 0 ? '.' : measured.data[i]);
	is_str(buf_cstr(&got), want, what);
}

static void test_filter(void)
{
	filtered_is(1, 27, "one\0two", 8, "11100000000000000000011    .two.",
		"system: serial number, UUID, wake-up type");
	filtered_is(1, 8, "one", 4, "1110    .", "an old, short one");
	filtered_is(2, 15, "one", 4, "11101101111    .", "board: serial number, location");
	filtered_is(3, 22, "one", 4, "111001111111111111    .", "chassis: serial number, tag");
	filtered_is(
		4, 48, "one", 4, "11111111111110111100111111110000001111000000    .", "processor");
	filtered_is(4, 42, "one", 4, "11111111111110111100111111110000001111    .",
		"processor without wide counts");
	filtered_is(7, 19, "one", 4, "111111111111111 one.", "a type that is not filtered");
	filtered_is(11, 5, "secret\0more", 12, "0 ............", "OEM strings: nothing is left");
	filtered_is(17, 40, "one", 4, "111111111111111111110001111111111111    .",
		"memory: serial number, tag, part");
	filtered_is(22, 26, "one", 4, "1110111111110000111111    .", "battery");
	filtered_is(23, 13, "", 1, "100111111 .", "reset");
	filtered_is(27, 15, "", 1, "11111111001 .", "cooling");
	filtered_is(39, 22, "one", 4, "111100011111111111    .", "power supply");
	filtered_is(127 + 1, 6, "one", 4, "00 ....", "a vendor's type: nothing is left");
}

static void test_handles(void)
{
	BUF_AUTO tables = {0};
	BUF_AUTO measured = {0};
	BUF_AUTO own = {0};
	struct err err = {0};
	size_t at;

	add(&tables, 7, 0, 19, "a", 2);
	add(&tables, 7, 1, 19, "a", 2);
	at = tables.len;
	end(&tables);
	ok(smbios_measured(&bios, tables.data, tables.len, &measured, &err) == 0 &&
			measured.data[at] == 0 && measured.data[at + 2] == 2,
		"the firmware's structure gets the first free handle");
	ok(memcmp(measured.data + measured.len - 6, "\x7f\4\xff\xfe\0\0", 6) == 0,
		"the end is the firmware's too");
	measured.len = 0;
	add(&own, 0, 5, 24, "a", 2);
	end(&own);
	ok(smbios_measured(&bios, own.data, own.len, &measured, &err) == 0 &&
			measured.len == own.len,
		"it is not added to one that the VMM brings");
}

static void refuses(const void *tables, size_t n, const char *want)
{
	BUF_AUTO measured = {0};
	struct err err = {0};

	ok(smbios_measured(&bios, tables, n, &measured, &err) == -EBADMSG &&
			strstr(err.msg, want) != NULL,
		"refused: %s", err.msg);
}

/* Kata's Go runtime: seventeen processors of one core, CPU 0 to CPU10. */
static void test_sockets(void)
{
	struct smbios_q35 machine = {.version = "11.0.3",
		.memory_bytes = 1ull << 30,
		.low_bytes = 1ull << 30,
		.vcpus = 17,
		.sockets = true};
	BUF_AUTO tables = {0};
	struct err err = {0};
	unsigned found = 0, one_core = 0;

	ok(smbios_q35_build(&machine, &tables, &err) == 0, "a socket for each vCPU");
	for (size_t i = 0; i + 48 < tables.len; i++) {
		if (memcmp(tables.data + i, "\4\x2a", 2) != 0 || tables.data[i + 3] != 4)
			continue;
		found++;
		one_core += tables.data[i + 35] == 1 && tables.data[i + 36] == 1 &&
			    tables.data[i + 37] == 1;
	}
	is_int(found, 17, "processors");
	is_int(one_core, 17, "of one core and thread");
	ok(memmem(tables.data, tables.len, "CPU 0", 6) != NULL &&
			memmem(tables.data, tables.len, "CPU10", 6) != NULL,
		"by their hexadecimal numbers");
}

static void test_bad(void)
{
	struct smbios_q35 machine = {.version = "9.2.0",
		.memory_bytes = 1ull << 30,
		.low_bytes = 1ull << 30,
		.vcpus = 1};
	const struct generation_bios none = {.known = false};
	static const unsigned char id[SMBIOS_PROCESSOR_ID_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
	BUF_AUTO tables = {0};
	BUF_AUTO measured = {0};
	struct err err = {0};

	refuses("", 0, "byte 0");
	refuses("\7\4\0\0\0\0", 6, "byte 6"); /* no end */
	refuses("\7\3\0\0\0\0", 6, "byte 0");
	refuses("\7\7\0\0\0\0", 6, "byte 0");
	refuses("\7\4\0\0a\0", 6, "byte 0");
	refuses("\1\x8\0\0\1\1\1\1\0\0\x7f\4\0\x7f\0\0", 16, "byte 0"); /* no string 1 */
	refuses("\7\4\1\0\0\0\7\4\1\0\0\0", 12, "is taken");
	end(&tables);
	ok(smbios_measured(&none, tables.data, tables.len, &measured, &err) == -ENOTSUP,
		"a firmware whose structure is not known");
	ok(smbios_set_processor(&tables, id, &err) == -EBADMSG, "no processor");
	tables.len = 0;
	ok(smbios_q35_build(&machine, &tables, &err) == -ENOTSUP &&
			strstr(err.msg, "9.2.0") != NULL,
		"a QEMU that is not known");
	machine.version = "10.1.0";
	machine.memory_bytes = 1;
	ok(smbios_q35_build(&machine, &tables, &err) == -ENOTSUP, "too little memory");
	machine.memory_bytes = 1ull << 40;
	ok(smbios_q35_build(&machine, &tables, &err) == -ENOTSUP, "too much memory");
	machine.memory_bytes = 1ull << 30;
	machine.vcpus = 65;
	ok(smbios_q35_build(&machine, &tables, &err) == -ENOTSUP, "too many vCPUs");
	machine.vcpus = 0;
	ok(smbios_q35_build(&machine, &tables, &err) == -ENOTSUP, "no vCPUs");
	machine.vcpus = 64;
	ok(smbios_q35_build(&machine, &tables, &err) == 0 &&
			smbios_set_processor(&tables, id, &err) == 0 &&
			memcmp(tables.data + 0x7c, id, sizeof(id)) == 0,
		"the processor ID is put in its place");
	tables.len--;
	tables.data[tables.len - 1] = 1;
	ok(smbios_set_processor(&tables, id, &err) == -EBADMSG, "not in damaged tables");
}

int main(void)
{
	test_real();
	test_filter();
	test_handles();
	test_sockets();
	test_bad();
	return tap_done();
}
