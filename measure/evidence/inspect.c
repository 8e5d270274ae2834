/* The kinds of files, their objects and their text form (inspect.h). */
#define _GNU_SOURCE
#include "measure/evidence/inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/io.h"
#include "lib/json.h"

static const struct inspect_kind kinds[] = {
	{"igvm", "IGVM files: platforms, policy, directives", inspect_is_igvm, inspect_igvm, NULL,
		false, false},
	{"quote", "TDX quotes of version 4 and 5, TD reports: every field", inspect_is_quote,
		inspect_quote, NULL, false, false},
	{"snp-report", "SEV-SNP attestation reports", inspect_is_snp_report, inspect_snp_report,
		NULL, false, false},
	{"sev-report", "SEV and SEV-ES attestation reports", inspect_is_sev_report,
		inspect_sev_report, NULL, false, false},
	{"event-log", "CCELs and TPM logs: events and registers in short (assay replay: in full)",
		inspect_is_log, inspect_log, NULL, false, false},
	{"firmware", "OVMF, td-shim: GUID table, SEV and TDX metadata, volumes, generation",
		inspect_is_firmware, inspect_firmware, NULL, false, true},
	{"kernel", "bzImages: setup header, version, EFI stub, Authenticode digests",
		inspect_is_kernel, inspect_kernel, NULL, false, false},
	{"pe", "PE images, unified kernel images among them: sections, stub, command line",
		inspect_is_pe, inspect_pe, NULL, false, false},
	{"initrd", "cpio archives and what follows them", inspect_is_cpio, inspect_cpio, NULL,
		false, true},
	{"verity-params", "the line of dm-verity parameters", inspect_is_verity, inspect_verity,
		NULL, false, false},
	{"json", "golden documents and other documents of assay, JSON event logs", inspect_is_json,
		inspect_json, NULL, false, false},
};

const struct inspect_kind *inspect_kinds(size_t *ret_count)
{
	*ret_count = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

/* --- values --- */

int inspect_set(json_t *obj, const char *key, json_t *value, struct err *err)
{
	return json_object_set_new(obj, key, value) == 0 ? 0
							 : err_fail(err, -ENOMEM, "out of memory");
}

int inspect_str(json_t *obj, const char *key, const void *text, size_t n, struct err *err)
{
	const unsigned char *at = text;
	BUF_AUTO clean = {0};
	int rc;

	for (size_t i = 0; i < n; i++)
		if (at[i] >= 0x20 && at[i] < 0x7f && at[i] != '\\')
			buf_add(&clean, &at[i], 1);
		else
			buf_fmt(&clean, "\\x%02x", at[i]);
	rc = buf_check(&clean, err);
	return rc != 0 ? rc : inspect_set(obj, key, json_string(buf_cstr(&clean)), err);
}

int inspect_fmt(json_t *obj, const char *key, struct err *err, const char *fmt, ...)
{
	BUF_AUTO text = {0};
	va_list args;
	int rc;

	va_start(args, fmt);
	buf_vfmt(&text, fmt, args);
	va_end(args);
	rc = buf_check(&text, err);
	return rc != 0 ? rc : inspect_str(obj, key, text.data, text.len, err);
}

int inspect_u64(json_t *obj, const char *key, uint64_t value, struct err *err)
{
	if (value > INT64_MAX)
		return inspect_bits(obj, key, value, err);
	return inspect_set(obj, key, json_integer((json_int_t)value), err);
}

int inspect_bits(json_t *obj, const char *key, uint64_t value, struct err *err)
{
	return inspect_fmt(obj, key, err, "0x%llx", (unsigned long long)value);
}

int inspect_bool(json_t *obj, const char *key, bool value, struct err *err)
{
	return inspect_set(obj, key, json_boolean(value), err);
}

int inspect_hex(json_t *obj, const char *key, const void *bytes, size_t n, struct err *err)
{
	return inspect_set(obj, key, json_doc_hex_new(bytes, n), err);
}

json_t *inspect_append(json_t *obj, const char *key)
{
	json_t *list = json_object_get(obj, key);
	json_t *made = json_object();

	if (list == NULL && json_object_set_new(obj, key, json_array()) == 0)
		list = json_object_get(obj, key);
	return json_array_append_new(list, made) == 0 ? made : NULL;
}

json_t *inspect_object(json_t *obj, const char *key)
{
	json_t *made = json_object();

	return json_object_set_new(obj, key, made) == 0 ? made : NULL;
}

int inspect_flags(json_t *obj, const char *key, uint64_t value, const struct inspect_bit *bits,
	size_t count, struct err *err)
{
	json_t *list = json_array();
	int rc = inspect_set(obj, key, list, err);

	for (unsigned bit = 0; rc == 0 && bit < 64; bit++) {
		const char *name = NULL;

		if ((value >> bit & 1) == 0)
			continue;
		for (size_t i = 0; i < count; i++)
			if (bits[i].bit == bit)
				name = bits[i].name;
		if (json_array_append_new(list,
			    name != NULL ? json_string(name) : json_sprintf("bit%u", bit)) != 0)
			rc = err_fail(err, -ENOMEM, "out of memory");
	}
	return rc;
}

/* --- files --- */

static const struct inspect_kind *find_kind(
	const struct inspect_file *file, const struct inspect_kind *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (from[i].probe(file))
			return &from[i];
	return NULL;
}

/* Reads both ends of the file into @ret. */
static int read_ends(
	int fd, struct inspect_file *file, struct buf *head, struct buf *tail, struct err *err)
{
	size_t n = file->size_bytes < INSPECT_ENDS ? (size_t)file->size_bytes : INSPECT_ENDS;
	void *first = buf_grow(head, n), *last = buf_grow(tail, n);
	int rc = 0;

	if (first == NULL || last == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_pread(fd, file->path, first, n, 0, err);
	if (rc == 0)
		rc = io_pread(fd, file->path, last, n, file->size_bytes - n, err);
	file->head = head->data;
	file->tail = tail->data;
	file->head_len = file->tail_len = n;
	return rc;
}

static int begin(const struct inspect_file *file, const struct inspect_kind *kind, json_t *doc,
	struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	int rc = io_digest_file(file->path, DIGEST_SHA256, digest, NULL, err);

	if (rc == 0)
		rc = inspect_set(doc, "kind", json_string(kind->name), err);
	if (rc == 0)
		rc = inspect_u64(doc, "size_bytes", file->size_bytes, err);
	return rc != 0 ? rc : inspect_hex(doc, "sha256", digest, sizeof(digest), err);
}

static int show(
	struct inspect_file *file, const struct inspect_kind *kind, json_t *doc, struct err *err)
{
	BUF_AUTO whole = {0};
	int rc = begin(file, kind, doc, err);

	if (rc == 0 && !kind->reads_itself)
		rc = io_read_file(file->path, INSPECT_WHOLE_MAX, &whole, err);
	if (rc != 0)
		return rc;
	file->data = whole.data;
	file->len = whole.len;
	rc = kind->show(file, doc, err);
	if (rc == 0 && kind->more != NULL)
		rc = kind->more(file, doc, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", file->path);
}

int inspect_path(const char *path, bool list, const struct inspect_kind *from, size_t count,
	json_t **ret, struct err *err)
{
	struct inspect_file file = {.path = path, .list = list};
	const struct inspect_kind *kind;
	AUTO_CLOSE int fd = -1;
	BUF_AUTO head = {0};
	BUF_AUTO tail = {0};
	JSON_AUTO *doc = NULL;
	int rc = io_open(path, &fd, &file.size_bytes, err);

	if (rc == 0 && file.size_bytes == 0)
		return err_fail(err, -EBADMSG, "%s: empty", path);
	if (rc == 0)
		rc = read_ends(fd, &file, &head, &tail, err);
	if (rc != 0)
		return rc;
	kind = find_kind(&file, from, count);
	if (kind == NULL)
		return err_fail(err, -ENOTSUP, "%s: no kind of file that is known here", path);
	if (list && !kind->has_files)
		return err_fail(err, -EINVAL, "%s: --list: a file of kind %s holds no files", path,
			kind->name);
	doc = json_object();
	rc = doc == NULL ? err_fail(err, -ENOMEM, "out of memory") : show(&file, kind, doc, err);
	if (rc == 0)
		*ret = json_incref(doc);
	return rc;
}

/* --- text --- */

static void add_scalar(const json_t *value, struct buf *to)
{
	if (json_is_string(value))
		buf_str(to, json_string_value(value));
	else if (json_is_integer(value))
		buf_fmt(to, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		buf_str(to, json_is_true(value) ? "yes" : "no");
}

static void add_words(const json_t *list, const char *between, struct buf *to)
{
	const json_t *value;
	size_t i;

	if (json_array_size(list) == 0)
		buf_str(to, "-");
	json_array_foreach(list, i, value)
	{
		if (i > 0)
			buf_str(to, between);
		add_scalar(value, to);
	}
}

/* An object of a list, on one line. */
static void add_row(const char *key, json_t *row, unsigned indent, struct buf *to)
{
	const char *name;
	json_t *value;

	buf_fmt(to, "%*s%s", (int)indent, "", key);
	json_object_foreach(row, name, value)
	{
		buf_fmt(to, " %s=", name);
		if (json_is_array(value))
			add_words(value, ",", to);
		else
			add_scalar(value, to);
	}
	buf_str(to, "\n");
}

static void add_list(const char *key, json_t *list, unsigned indent, struct buf *to)
{
	bool rows = json_is_object(json_array_get(list, 0));
	json_t *value;
	size_t i;

	if (!rows && strcmp(key, "files") != 0 && strcmp(key, "lines") != 0) {
		buf_fmt(to, "%*s%s ", (int)indent, "", key);
		add_words(list, " ", to);
		buf_str(to, "\n");
		return;
	}
	json_array_foreach(list, i, value)
	{
		if (rows) {
			add_row(key, value, indent, to);
			continue;
		}
		buf_fmt(to, "%*s", (int)indent, "");
		add_scalar(value, to);
		buf_str(to, "\n");
	}
}

/* The reader makes objects of three levels at most. */
static void add_object(const json_t *object, unsigned indent, struct buf *to)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (json_is_object(value)) {
			buf_fmt(to, "%*s%s\n", (int)indent, "", key);
			add_object(value, indent + 2, to);
		} else if (json_is_array(value)) {
			add_list(key, value, indent, to);
		} else {
			buf_fmt(to, "%*s%s ", (int)indent, "", key);
			add_scalar(value, to);
			buf_str(to, "\n");
		}
	}
}

void inspect_text(const json_t *doc, struct buf *ret)
{
	add_object(doc, 0, ret);
}
