/* Initdata documents, annotations and block devices (initdata.h). */
#define _GNU_SOURCE
#include "formats/initdata.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "lib/base64.h"
#include "lib/rd.h"
#include "lib/toml.h"

#define IMAGE_MAGIC "initdata"
#define IMAGE_HEAD  16
#define SECTOR	    512

static const struct {
	const char *name;
	size_t digest_size;
} platforms[INITDATA_PLATFORMS] = {
	[INITDATA_SNP] = {"snp", 32},
	[INITDATA_TDX] = {"tdx", 48},
	[INITDATA_CCA] = {"cca", 64},
	[INITDATA_SE] = {"se", 256},
};

static const enum digest_alg algorithms[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

void initdata_done(struct initdata *initdata)
{
	for (size_t i = 0; i < initdata->count; i++) {
		free(initdata->entries[i].key);
		free(initdata->entries[i].value);
	}
	free(initdata->entries);
	*initdata = (struct initdata){0};
}

/* --- the document --- */

static int add_entry(struct initdata *initdata, size_t at, const char *key, const char *value,
	size_t value_len, struct err *err)
{
	struct initdata_entry *entries;
	struct initdata_entry entry;

	if (initdata->count == INITDATA_ENTRIES_MAX)
		return err_fail(
			err, -EBADMSG, "more than %d initdata entries", INITDATA_ENTRIES_MAX);
	entries = realloc(initdata->entries, (initdata->count + 1) * sizeof(*entries));
	if (entries == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	initdata->entries = entries;
	entry.key = strdup(key);
	entry.value = strndup(value, value_len);
	if (entry.key == NULL || entry.value == NULL) {
		free(entry.key);
		free(entry.value);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	memmove(entries + at + 1, entries + at, (initdata->count - at) * sizeof(*entries));
	entries[at] = entry;
	initdata->count++;
	return 0;
}

/* Whether @len bytes are UTF-8 without NUL and without surrogates (RFC 3629). */
static bool is_utf8(const unsigned char *text, size_t len)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < len;) {
		unsigned char lead = text[i++];
		size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint32_t value = more == 0 ? lead : lead & (0x3fu >> more);

		if (lead == 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more > len - i)
			return false;
		for (size_t k = 0; k < more; k++, i++) {
			if ((text[i] & 0xc0) != 0x80)
				return false;
			value = value << 6 | (text[i] & 0x3f);
		}
		if (value < least[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
			return false;
	}
	return true;
}

int initdata_set(struct initdata *initdata, const char *key, const char *value, size_t value_len,
	struct err *err)
{
	size_t at = 0;

	if (*key == '\0' || !is_utf8((const unsigned char *)key, strlen(key)))
		return err_fail(err, -EBADMSG, "%s: not a key of initdata", key);
	if (!is_utf8((const unsigned char *)value, value_len))
		return err_fail(err, -EBADMSG, "%s: not text (UTF-8 without NUL)", key);
	while (at < initdata->count && strcmp(initdata->entries[at].key, key) < 0)
		at++;
	if (at < initdata->count && strcmp(initdata->entries[at].key, key) == 0) {
		char *copy = strndup(value, value_len);

		if (copy == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		free(initdata->entries[at].value);
		initdata->entries[at].value = copy;
		return 0;
	}
	return add_entry(initdata, at, key, value, value_len, err);
}

const char *initdata_get(const struct initdata *initdata, const char *key)
{
	for (size_t i = 0; i < initdata->count; i++) {
		if (strcmp(initdata->entries[i].key, key) == 0)
			return initdata->entries[i].value;
	}
	return NULL;
}

struct head {
	char *version, *algorithm; /* owned */
	const struct toml *data;
};

static void head_done(struct head *head)
{
	free(head->version);
	free(head->algorithm);
}

static int read_table(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_TABLE, err);

	if (rc == 0)
		*(const struct toml **)dst = value;
	return rc;
}

static int read_data(const struct toml *data, struct initdata *initdata, struct err *err)
{
	for (size_t i = 0; i < data->u.list.count; i++) {
		const struct toml *item = data->u.list.items[i];
		int rc = toml_expect(item, TOML_STRING, err);

		if (rc != 0)
			return rc;
		if (item->key_len != strlen(item->key) ||
			strlen(item->u.string.data) != item->u.string.len)
			return toml_fail(item, err, -EBADMSG, "a NUL character");
		rc = initdata_set(
			initdata, item->key, item->u.string.data, item->u.string.len, err);
		if (rc != 0)
			return err_wrap(err, "%s:%u", item->doc->what, (unsigned)item->line);
	}
	return 0;
}

static int read_document(const struct toml *root, struct initdata *initdata, struct err *err)
{
	static const struct toml_field fields[] = {
		{"version", offsetof(struct head, version), toml_read_string, true},
		{"algorithm", offsetof(struct head, algorithm), toml_read_string, true},
		{"data", offsetof(struct head, data), read_table, true},
		TOML_FIELDS_END,
	};
	struct head head __attribute__((cleanup(head_done))) = {0};
	size_t i = 0;
	int rc = toml_fields(root, fields, &head, err);

	if (rc != 0)
		return rc;
	if (strcmp(head.version, INITDATA_VERSION) != 0)
		return toml_fail(root, err, -ENOTSUP, "initdata version %s, not %s", head.version,
			INITDATA_VERSION);
	while (i < sizeof(algorithms) / sizeof(*algorithms) &&
		strcmp(digest_name(algorithms[i]), head.algorithm) != 0)
		i++;
	if (i == sizeof(algorithms) / sizeof(*algorithms))
		return toml_fail(root, err, -EBADMSG,
			"initdata algorithm %s, not sha256, sha384 or sha512", head.algorithm);
	initdata->algorithm = algorithms[i];
	return read_data(head.data, initdata, err);
}

int initdata_parse(
	const void *text, size_t len, const char *what, struct initdata *ret, struct err *err)
{
	INITDATA_AUTO initdata = {0};
	TOML_AUTO doc = {0};
	int rc;

	if (len > INITDATA_BYTES_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u bytes of initdata", what,
			INITDATA_BYTES_MAX);
	rc = toml_parse(text, len, what, &doc, err);
	if (rc == 0)
		rc = read_document(doc.root, &initdata, err);
	if (rc != 0)
		return rc;
	*ret = initdata;
	initdata = (struct initdata){0};
	return 0;
}

/* --- writing --- */

static bool is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

/* Literal strings have no escapes: no carriage return (readers may change it), no other control character, no run of
 * quotes that ends them. */
static bool can_be_literal(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (is_control((unsigned char)text[i]) && text[i] != '\n')
			return false;
	}
	return strstr(text, "'''") == NULL && (len == 0 || text[len - 1] != '\'');
}

static void write_basic(const char *text, struct buf *ret)
{
	static const char *const named[] = {['\b'] = "\\b",
		['\t'] = "\\t",
		['\n'] = "\\n",
		['\f'] = "\\f",
		['\r'] = "\\r",
		['"'] = "\\\"",
		['\\'] = "\\\\"};

	buf_str(ret, "\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < sizeof(named) / sizeof(*named) && named[c] != NULL)
			buf_str(ret, named[c]);
		else if (is_control(c))
			buf_fmt(ret, "\\u%04x", c);
		else
			buf_add(ret, &c, 1);
	}
	buf_str(ret, "\"");
}

static void write_value(const char *text, struct buf *ret)
{
	if (strchr(text, '\n') == NULL || !can_be_literal(text)) {
		write_basic(text, ret);
		return;
	}
	/* The newline after the opening quotes is not part of the string. */
	buf_str(ret, "'''\n");
	buf_str(ret, text);
	buf_str(ret, "'''");
}

int initdata_write(const struct initdata *initdata, struct buf *ret, struct err *err)
{
	buf_fmt(ret, "version = \"%s\"\nalgorithm = \"%s\"\n\n[data]\n", INITDATA_VERSION,
		digest_name(initdata->algorithm));
	for (size_t i = 0; i < initdata->count; i++) {
		write_basic(initdata->entries[i].key, ret);
		buf_str(ret, " = ");
		write_value(initdata->entries[i].value, ret);
		buf_str(ret, "\n");
	}
	return buf_check(ret, err);
}

/* --- digests and carriers --- */

const char *initdata_platform_name(enum initdata_platform platform)
{
	return platforms[platform].name;
}

size_t initdata_digest_size(enum initdata_platform platform)
{
	return platforms[platform].digest_size;
}

int initdata_digest(const void *text, size_t len, enum digest_alg algorithm,
	enum initdata_platform platform, unsigned char ret[INITDATA_DIGEST_MAX], struct err *err)
{
	unsigned char digest[INITDATA_DIGEST_MAX] = {0};
	int rc = digest_bytes(algorithm, text, len, digest, err);

	if (rc != 0)
		return rc;
	memcpy(ret, digest, platforms[platform].digest_size);
	return 0;
}

int initdata_annotation_write(const void *text, size_t len, struct buf *ret, struct err *err)
{
	BUF_AUTO gzip = {0};
	int rc = gzip_write(text, len, &gzip, err);

	if (rc != 0)
		return rc;
	if ((gzip.len + 2) / 3 * 4 > INITDATA_ANNOTATION_MAX)
		return err_fail(err, -EFBIG,
			"an annotation of %zu characters, more than the %u that Kubernetes takes",
			(gzip.len + 2) / 3 * 4, INITDATA_ANNOTATION_MAX);
	base64_encode(gzip.data, gzip.len, ret);
	return buf_check(ret, err);
}

int initdata_annotation_read(
	const char *text, size_t len, const char *what, struct buf *ret, struct err *err)
{
	BUF_AUTO gzip = {0};
	int rc = base64_decode(text, len, what, &gzip, err);

	if (rc != 0)
		return rc;
	return gzip_read(gzip.data, gzip.len, INITDATA_BYTES_MAX, what, ret, err);
}

int initdata_image_write(const void *text, size_t len, struct buf *ret, struct err *err)
{
	BUF_AUTO image = {0};
	size_t gzip_len;
	int rc;

	/* The length in the last eight bytes of the head is known only after it. */
	buf_add(&image, IMAGE_MAGIC "\0\0\0\0\0\0\0\0", IMAGE_HEAD);
	rc = gzip_write(text, len, &image, err);
	if (rc != 0)
		return rc;
	gzip_len = image.len - IMAGE_HEAD;
	for (size_t i = 0; i < 8; i++)
		image.data[8 + i] = (unsigned char)((uint64_t)gzip_len >> (8 * i));
	buf_align(&image, SECTOR);
	rc = buf_check(&image, err);
	if (rc != 0)
		return rc;
	buf_add(ret, image.data, image.len);
	return buf_check(ret, err);
}

int initdata_image_read(
	const void *image, size_t len, const char *what, struct buf *ret, struct err *err)
{
	struct rd rd = rd_init(image, len);
	const unsigned char *magic = rd_bytes(&rd, 8);
	uint64_t gzip_len;
	const unsigned char *gzip;

	if (magic == NULL || memcmp(magic, IMAGE_MAGIC, 8) != 0)
		return err_fail(err, -EBADMSG, "%s: not an initdata device", what);
	gzip_len = rd_le64(&rd);
	gzip = gzip_len <= SIZE_MAX ? rd_bytes(&rd, (size_t)gzip_len) : NULL;
	if (gzip == NULL)
		return err_fail(err, -EBADMSG,
			"%s: %llu bytes of data announced at offset 8, %zu there", what,
			(unsigned long long)gzip_len, len < IMAGE_HEAD ? 0 : len - IMAGE_HEAD);
	while (rd_left(&rd) > 0) {
		if (rd_u8(&rd) != 0)
			return err_fail(err, -EBADMSG, "%s: data after the end, at offset %zu",
				what, rd.pos - 1);
	}
	return gzip_read(gzip, (size_t)gzip_len, INITDATA_BYTES_MAX, what, ret, err);
}
