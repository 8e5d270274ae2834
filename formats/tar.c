/*
 * tar headers (tar.h).
 *
 *   offset size name          offset size name
 *        0  100 name             257    8 magic and version
 *      100    8 mode             265   32 user name (ignored)
 *      108    8 uid              297   32 group name (ignored)
 *      116    8 gid              329    8 device major
 *      124   12 size             337    8 device minor
 *      136   12 mtime            345  155 prefix (ustar), GNU's own fields ("ustar  ")
 *      148    8 checksum         500   12 padding
 *      156    1 type
 *      157  100 link
 */
#define _GNU_SOURCE
#include "formats/tar.h"

#include <string.h>

#include "lib/rd.h"

#define CHECKSUM_OFF   148
#define CHECKSUM_BYTES 8
#define TYPE_OFF       156
#define MAGIC_OFF      257
#define MAGIC_BYTES    8
#define PREFIX_OFF     345
#define PREFIX_BYTES   155

bool tar_block_is_zero(const unsigned char block[TAR_BLOCK_BYTES])
{
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		if (block[i] != 0)
			return false;
	}
	return true;
}

/* Base 256: the first byte is 0x80, the rest a big-endian number. */
static bool binary_number(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	if (field[0] != 0x80)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (value >> 56 != 0)
			return false;
		value = value << 8 | field[i];
	}
	*ret = value;
	return true;
}

/* Octal digits after spaces, then spaces and NULs only; an empty field is 0. */
static bool octal_number(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < n && field[i] == ' ')
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	for (; i < n; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	}
	*ret = value;
	return true;
}

static const struct number_field {
	const char *name;
	size_t off, n, ret_off;
} number_fields[] = {
	{"mode", 100, 8, offsetof(struct tar_header, mode)},
	{"uid", 108, 8, offsetof(struct tar_header, uid)},
	{"gid", 116, 8, offsetof(struct tar_header, gid)},
	{"size", 124, 12, offsetof(struct tar_header, size_bytes)},
	{"mtime", 136, 12, offsetof(struct tar_header, mtime)},
	{"device major", 329, 8, offsetof(struct tar_header, dev_major)},
	{"device minor", 337, 8, offsetof(struct tar_header, dev_minor)},
};

static int read_numbers(const unsigned char *block, struct tar_header *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof(number_fields) / sizeof(*number_fields); i++) {
		const struct number_field *field = &number_fields[i];
		uint64_t *value = (uint64_t *)(void *)((char *)ret + field->ret_off);
		bool binary = (block[field->off] & 0x80) != 0;
		bool good = binary ? binary_number(block + field->off, field->n, value)
				   : octal_number(block + field->off, field->n, value);

		if (!good)
			return err_fail(err, -EBADMSG, "bad number in field \"%s\"", field->name);
	}
	return 0;
}

/* Copies a field that ends at its end or with NULs up to it. */
static int read_string(const unsigned char *block, size_t off, size_t n, const char *name,
	char *dst, struct err *err)
{
	size_t len = strnlen((const char *)block + off, n);

	for (size_t i = len; i < n; i++) {
		if (block[off + i] != 0)
			return err_fail(err, -EBADMSG, "bytes after the NUL in field \"%s\"", name);
	}
	memcpy(dst, block + off, len);
	dst[len] = '\0';
	return 0;
}

static int read_checksum(const unsigned char *block, struct err *err)
{
	uint64_t want;
	uint64_t got = CHECKSUM_BYTES * ' ';

	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		if (i < CHECKSUM_OFF || i >= CHECKSUM_OFF + CHECKSUM_BYTES)
			got += block[i];
	}
	if (!octal_number(block + CHECKSUM_OFF, CHECKSUM_BYTES, &want) || want != got)
		return err_fail(err, -EBADMSG, "bad header checksum");
	return 0;
}

int tar_header_read(
	const unsigned char block[TAR_BLOCK_BYTES], struct tar_header *ret, struct err *err)
{
	struct tar_header header = {0};
	char prefix[PREFIX_BYTES + 1] = "", name[101];
	bool posix = memcmp(block + MAGIC_OFF, "ustar\00000", MAGIC_BYTES) == 0;
	bool gnu = memcmp(block + MAGIC_OFF, "ustar  \0", MAGIC_BYTES) == 0;
	unsigned char type = block[TYPE_OFF] == '\0' ? TAR_FILE : block[TYPE_OFF];

	if (!posix && !gnu)
		return err_fail(err, -EBADMSG, "not a tar header (neither ustar nor GNU)");
	int rc = read_checksum(block, err);

	if (rc == 0)
		rc = read_numbers(block, &header, err);
	if (rc == 0)
		rc = read_string(block, 0, 100, "name", name, err);
	if (rc == 0)
		rc = read_string(block, 157, 100, "link", header.link, err);
	if (rc == 0 && posix)
		rc = read_string(block, PREFIX_OFF, PREFIX_BYTES, "prefix", prefix, err);
	if (rc != 0)
		return rc;
	if (memchr("0123456xgLK", type, 11) == NULL)
		return err_fail(err, -ENOTSUP, "unknown type flag 0x%02x", type);
	header.type = type;
	size_t prefix_len = strlen(prefix);

	memcpy(header.name, prefix, prefix_len);
	if (prefix_len > 0)
		header.name[prefix_len++] = '/';
	memcpy(header.name + prefix_len, name, strlen(name) + 1);
	*ret = header;
	return 0;
}

enum pax_kind {
	PAX_PATH,
	PAX_LINK,
	PAX_SIZE,
	PAX_UID,
	PAX_GID,
	PAX_MTIME,
	PAX_COMMENT,
	PAX_IGNORED, /* says nothing that reaches an image */
	PAX_KINDS,
};

static const struct pax_key {
	const char *key;
	enum pax_kind kind;
} pax_keys[] = {
	{"path", PAX_PATH},
	{"linkpath", PAX_LINK},
	{"size", PAX_SIZE},
	{"uid", PAX_UID},
	{"gid", PAX_GID},
	{"mtime", PAX_MTIME},
	{"comment", PAX_COMMENT},
	{"atime", PAX_IGNORED},
	{"ctime", PAX_IGNORED},
	{"uname", PAX_IGNORED},
	{"gname", PAX_IGNORED},
	{"LIBARCHIVE.creationtime", PAX_IGNORED},
	{"SCHILY.dev", PAX_IGNORED},
	{"SCHILY.ino", PAX_IGNORED},
	{"SCHILY.nlink", PAX_IGNORED},
};

#define XATTR_PREFIX "SCHILY.xattr."

static bool decimal(const char *text, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned char)text[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

/* One record: its key and value inside the records. */
struct pax_record {
	const char *key;
	char *value;
	size_t value_len;
};

static int bad_record(size_t at, struct err *err)
{
	return err_fail(err, -EBADMSG, "bad pax record at byte %zu of the extended header", at);
}

/* Splits the record at *@at, "LENGTH KEY=VALUE\n", and moves *@at behind it. */
static int split_record(
	char *records, size_t len, size_t *at, struct pax_record *ret, struct err *err)
{
	char *start = records + *at;
	size_t left = len - *at;
	char *space = memchr(start, ' ', left);
	uint64_t size;

	if (space == NULL || !decimal(start, (size_t)(space - start), &size))
		return bad_record(*at, err);
	size_t used = (size_t)(space - start) + 1;

	/* The shortest body is "k=\n". */
	if (size > left || size < used + 3 || start[size - 1] != '\n')
		return bad_record(*at, err);
	char *key = space + 1, *end = start + size - 1;
	char *equals = memchr(key, '=', (size_t)(end - key));

	if (equals == NULL || equals == key || memchr(key, '\0', (size_t)(equals - key)) != NULL)
		return bad_record(*at, err);
	*equals = '\0';
	*end = '\0';
	*ret = (struct pax_record){key, equals + 1, (size_t)(end - equals) - 1};
	*at += size;
	return 0;
}

/* A time may have a fraction, which is dropped: images count in seconds. */
static bool seconds(const struct pax_record *record, uint64_t *ret)
{
	const char *dot = memchr(record->value, '.', record->value_len);
	size_t whole = dot != NULL ? (size_t)(dot - record->value) : record->value_len;

	for (size_t i = whole + 1; i < record->value_len; i++) {
		if (record->value[i] < '0' || record->value[i] > '9')
			return false;
	}
	return decimal(record->value, whole, ret);
}

static bool name_value(const struct pax_record *record, const char **ret)
{
	if (record->value_len == 0 || memchr(record->value, '\0', record->value_len) != NULL)
		return false;
	*ret = record->value;
	return true;
}

static bool take_value(enum pax_kind kind, const struct pax_record *record, struct tar_pax *pax)
{
	switch (kind) {
	case PAX_PATH:
		return name_value(record, &pax->path);
	case PAX_LINK:
		return name_value(record, &pax->link);
	case PAX_SIZE:
		pax->has_size = true;
		return decimal(record->value, record->value_len, &pax->size_bytes);
	case PAX_UID:
		pax->has_uid = true;
		return decimal(record->value, record->value_len, &pax->uid);
	case PAX_GID:
		pax->has_gid = true;
		return decimal(record->value, record->value_len, &pax->gid);
	case PAX_MTIME:
		pax->has_mtime = true;
		return seconds(record, &pax->mtime);
	default:
		return true;
	}
}

static int take_xattr(const struct pax_record *record, struct tar_pax *pax, struct err *err)
{
	if (pax->xattr_count == TAR_PAX_XATTRS_MAX)
		return err_fail(
			err, -EFBIG, "more than %d extended attributes", TAR_PAX_XATTRS_MAX);
	pax->xattrs[pax->xattr_count++] = (struct tar_pax_xattr){
		.name = record->key + strlen(XATTR_PREFIX),
		.value = (const unsigned char *)record->value,
		.value_len = record->value_len,
	};
	return 0;
}

static int take_record(const struct pax_record *record, bool global, bool seen[PAX_KINDS],
	struct tar_pax *pax, struct err *err)
{
	if (!global && strncmp(record->key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
		return take_xattr(record, pax, err);
	for (size_t i = 0; i < sizeof(pax_keys) / sizeof(*pax_keys); i++) {
		const struct pax_key *key = &pax_keys[i];

		if (strcmp(record->key, key->key) != 0)
			continue;
		if (global && key->kind != PAX_COMMENT)
			break;
		if (seen[key->kind] && key->kind != PAX_IGNORED)
			return err_fail(
				err, -EBADMSG, "pax key \"%s\" is given twice", record->key);
		seen[key->kind] = true;
		if (!take_value(key->kind, record, pax))
			return err_fail(err, -EBADMSG, "bad value of pax key \"%s\"", record->key);
		return 0;
	}
	return err_fail(err, -ENOTSUP, "pax key \"%s\" is not supported%s", record->key,
		global ? " in a global header" : "");
}

int tar_pax_read(char *records, size_t len, bool global, struct tar_pax *ret, struct err *err)
{
	struct tar_pax pax = {0};
	bool seen[PAX_KINDS] = {false};
	size_t at = 0;

	while (at < len) {
		struct pax_record record;
		int rc = split_record(records, len, &at, &record, err);

		if (rc == 0)
			rc = take_record(&record, global, seen, &pax, err);
		if (rc != 0)
			return rc;
	}
	*ret = pax;
	return 0;
}
