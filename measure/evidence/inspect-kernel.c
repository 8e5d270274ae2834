/* assay inspect: kernels and other PE images. */
#define _GNU_SOURCE
#include <string.h>

#include "formats/bzimage.h"
#include "formats/pe.h"
#include "lib/digest.h"
#include "lib/rd.h"
#include "measure/evidence/inspect.h"
#include "measure/tdx/authenticode.h"

#define SECTION_TEXT_MAX (64u << 10) /* bytes of a section that is shown as text */
#define STUB_MAGIC	 "#### LoaderInfo: "
#define STUB_MAX	 96

bool inspect_is_kernel(const struct inspect_file *file)
{
	return bzimage_probe(file->head, file->head_len);
}

bool inspect_is_pe(const struct inspect_file *file)
{
	return pe_probe(file->head, file->head_len);
}

static int add_authenticode(const struct inspect_file *file, json_t *doc, struct err *err)
{
	static const enum digest_alg algs[] = {DIGEST_SHA256, DIGEST_SHA384};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(algs) / sizeof(algs[0]); i++) {
		unsigned char digest[DIGEST_MAX];
		struct err why = {0};
		BUF_AUTO key = {0};

		buf_fmt(&key, "authenticode_%s", digest_name(algs[i]));
		if (authenticode_digest(algs[i], file->data, file->len, digest, &why) != 0)
			return inspect_str(doc, "unmeasurable", why.msg, strlen(why.msg), err);
		rc = buf_check(&key, err);
		if (rc == 0)
			rc = inspect_hex(doc, buf_cstr(&key), digest, digest_size(algs[i]), err);
	}
	return rc;
}

static const char *compression(const struct rd *payload)
{
	static const struct {
		const char *magic;
		size_t n;
		const char *name;
	} known[] = {{"\x1f\x8b", 2, "gzip"}, {"\x28\xb5\x2f\xfd", 4, "zstd"},
		{"\xfd"
		 "7zXZ",
			5, "xz"},
		{"BZh", 3, "bzip2"}, {"\x5d\0\0", 3, "lzma"}, {"\x89LZO", 4, "lzo"},
		{"\x02\x21\x4c\x18", 4, "lz4"}, {"\177ELF", 4, "none"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (payload->len >= known[i].n &&
			memcmp(payload->base, known[i].magic, known[i].n) == 0)
			return known[i].name;
	return "unknown";
}

static int add_header(const struct bzimage *bz, json_t *doc, struct err *err)
{
	static const struct inspect_bit xloadflags[] = {{0, "kernel_64"},
		{1, "can_be_loaded_above_4g"}, {2, "efi_handover_32"}, {3, "efi_handover_64"},
		{4, "efi_kexec"}, {5, "5level"}, {6, "5level_enabled"}, {7, "mem_encryption"}};
	int rc = inspect_fmt(
		doc, "boot_protocol", err, "%u.%02u", bz->protocol >> 8, bz->protocol & 0xffu);

	if (rc == 0)
		rc = inspect_flags(doc, "xloadflags", bz->xloadflags, xloadflags,
			sizeof(xloadflags) / sizeof(xloadflags[0]), err);
	if (rc == 0)
		rc = inspect_u64(doc, "setup_sectors", bz->setup_sectors, err);
	if (rc == 0)
		rc = inspect_bits(doc, "initrd_addr_max", bz->initrd_addr_max, err);
	if (rc == 0)
		rc = inspect_u64(doc, "cmdline_size", bz->cmdline_size, err);
	return rc != 0 ? rc : inspect_bool(doc, "efi_stub", bz->efi_stub, err);
}

static int add_signature(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct err why = {0};
	struct pe pe;

	if (pe_parse(file->data, file->len, &pe, &why) != 0)
		return inspect_str(doc, "unloadable", why.msg, strlen(why.msg), err);
	return inspect_u64(doc, "signature_bytes", pe.security_size, err);
}

int inspect_kernel(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct rd whole = rd_init(file->data, file->len);
	struct bzimage bz;
	struct rd payload;
	int rc = bzimage_parse(file->data, file->len, &bz, err);

	if (rc != 0)
		return rc;
	rc = inspect_str(doc, "version", bz.version, strlen(bz.version), err);
	if (rc == 0)
		rc = add_header(&bz, doc, err);
	payload = rd_at(&whole, bz.payload_offset, bz.payload_size);
	if (rc == 0 && bz.payload_size > 0 && !payload.bad)
		rc = inspect_set(doc, "compression", json_string(compression(&payload)), err);
	if (rc == 0 && bz.efi_stub)
		rc = add_authenticode(file, doc, err);
	return rc == 0 && bz.efi_stub ? add_signature(file, doc, err) : rc;
}

/* --- PE --- */

static struct rd section_data(const struct inspect_file *file, const struct pe_section *section)
{
	struct rd whole = rd_init(file->data, file->len);
	uint32_t size = section->virtual_size != 0 && section->virtual_size < section->raw_size
				? section->virtual_size
				: section->raw_size;

	return rd_at(&whole, section->raw_offset, size);
}

static int add_section(const struct inspect_file *file, const struct pe_section *section,
	json_t *doc, struct err *err)
{
	json_t *row = inspect_append(doc, "section");
	struct rd data = section_data(file, section);
	unsigned char digest[SHA256_SIZE];
	int rc = inspect_str(row, "name", section->name, strlen(section->name), err);

	if (rc == 0)
		rc = inspect_bits(row, "address", section->virtual_address, err);
	if (rc == 0)
		rc = inspect_u64(row, "size_bytes", data.bad ? 0 : data.len, err);
	if (rc == 0 && !data.bad)
		rc = digest_bytes(DIGEST_SHA256, data.base, data.len, digest, err);
	return rc != 0 || data.bad ? rc : inspect_hex(row, "sha256", digest, sizeof(digest), err);
}

/* The lines of a section of text, without empty ones and NULs at the end. */
static int add_lines(const struct rd *data, const char *key, json_t *doc, struct err *err)
{
	json_t *object = inspect_object(doc, key);
	json_t *list = json_array();
	int rc = inspect_set(object, "lines", list, err);
	size_t at = 0;

	while (rc == 0 && at < data->len && data->base[at] != '\0') {
		size_t n = 0;
		json_t *line = json_object();

		while (at + n < data->len && data->base[at + n] != '\n' &&
			data->base[at + n] != '\0')
			n++;
		rc = inspect_str(line, "text", data->base + at, n, err);
		if (rc == 0 && n > 0 && json_array_append(list, json_object_get(line, "text")) != 0)
			rc = err_fail(err, -ENOMEM, "out of memory");
		json_decref(line);
		at += n + (at + n < data->len && data->base[at + n] == '\n');
	}
	return rc;
}

static int add_texts(
	const struct inspect_file *file, const struct pe *pe, json_t *doc, struct err *err)
{
	static const char *const names[] = {".cmdline", ".osrel", ".uname", ".sbat"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		const struct pe_section *section = pe_section(pe, names[i]);
		struct rd data;

		if (section == NULL)
			continue;
		data = section_data(file, section);
		if (!data.bad && data.len <= SECTION_TEXT_MAX)
			rc = add_lines(&data, names[i] + 1, doc, err);
	}
	return rc;
}

/* systemd-stub says what it is in a line of its own. */
static int add_stub(const struct inspect_file *file, json_t *doc, struct err *err)
{
	const char *at = memmem(file->data, file->len, STUB_MAGIC, strlen(STUB_MAGIC));
	const char *end = (const char *)file->data + file->len;
	size_t n = 0;

	if (at == NULL)
		return 0;
	at += strlen(STUB_MAGIC);
	while (n < STUB_MAX && at + n < end && at[n] != '#' && at[n] != '\0')
		n++;
	while (n > 0 && at[n - 1] == ' ')
		n--;
	return inspect_str(doc, "stub", at, n, err);
}

/* The kernel in a unified image, by its version. */
static int add_kernel(
	const struct inspect_file *file, const struct pe *pe, json_t *doc, struct err *err)
{
	const struct pe_section *section = pe_section(pe, ".linux");
	struct err why = {0};
	struct bzimage bz;
	struct rd data;
	int rc = inspect_bool(doc, "unified_kernel", section != NULL, err);

	if (rc != 0 || section == NULL)
		return rc;
	data = section_data(file, section);
	if (data.bad || bzimage_parse(data.base, data.len, &bz, &why) != 0)
		return 0;
	return inspect_str(doc, "kernel_version", bz.version, strlen(bz.version), err);
}

int inspect_pe(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct pe pe;
	int rc = pe_parse(file->data, file->len, &pe, err);

	if (rc == 0)
		rc = inspect_bits(doc, "machine", pe.machine, err);
	if (rc == 0)
		rc = inspect_u64(doc, "subsystem", pe.subsystem, err);
	if (rc == 0)
		rc = add_kernel(file, &pe, doc, err);
	if (rc == 0)
		rc = add_stub(file, doc, err);
	if (rc == 0)
		rc = add_texts(file, &pe, doc, err);
	for (size_t i = 0; rc == 0 && i < pe.count; i++)
		rc = add_section(file, &pe.sections[i], doc, err);
	if (rc == 0)
		rc = inspect_u64(doc, "signature_bytes", pe.security_size, err);
	return rc != 0 ? rc : add_authenticode(file, doc, err);
}
