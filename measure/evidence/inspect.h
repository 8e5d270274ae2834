/*
 * What a file is and what it says about itself: one table of kinds, each with a probe and a reader that
 * makes a JSON object. The text form is a view of that object. Nothing that is shown is verified.
 */
#ifndef MEASURE_EVIDENCE_INSPECT_H
#define MEASURE_EVIDENCE_INSPECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define INSPECT_ENDS	  8192u	       /* bytes of a file's start and of its end that probes see */
#define INSPECT_WHOLE_MAX (512u << 20) /* bytes of a file that is read whole */
#define INSPECT_FILES_MAX (1u << 20)   /* names that --list shows */

struct inspect_file {
	const char *path; /* borrowed */
	uint64_t size_bytes;
	bool list;			  /* the files in it are asked for */
	const unsigned char *head, *tail; /* up to INSPECT_ENDS bytes each; they may overlap */
	size_t head_len, tail_len;
	const unsigned char *data; /* the whole file; NULL for kinds that read it themselves */
	size_t len;
};

/* Adds to @doc what @file says. -EBADMSG for a malformed one. */
typedef int inspect_fn(const struct inspect_file *file, json_t *doc, struct err *err);

struct inspect_kind {
	const char *name;  /* as shown: "quote" */
	const char *title; /* for --help: what it is and what is shown */
	bool (*probe)(const struct inspect_file *file);
	inspect_fn *show;
	inspect_fn *more;  /* adds what another room knows; NULL: nothing */
	bool reads_itself; /* data is not read for it */
	bool has_files;	   /* --list: "files" in the object */
};

/* The kinds that this room knows, the first whose probe fits counts. */
const struct inspect_kind *inspect_kinds(size_t *ret_count);

/*
 * Finds the kind of the file at @path among @kinds and makes its object, with "kind", "size_bytes" and
 * "sha256". -ENOTSUP for a file of no known kind, -EINVAL for @list of a kind that holds no files.
 */
int inspect_path(const char *path, bool list, const struct inspect_kind *kinds, size_t count,
	json_t **ret, struct err *err) MUST_CHECK;

/* Appends the text form: a line "KEY VALUE" for each value, indented below a line "KEY"; an object in a list
 * is one line "KEY NAME=VALUE ...". The strings of a list "files" are lines of their own. */
void inspect_text(const json_t *doc, struct buf *ret);

/* The verb, with these kinds; assay inspect of this room has inspect_kinds(). */
int inspect_run(int argc, char **argv, const struct inspect_kind *kinds, size_t count);

/*
 * Values of an object. Each returns 0 or -ENOMEM. Text may be hostile: what is not printable ASCII is written
 * as \xNN. Addresses and flags are written as "0x1f".
 */
int inspect_str(
	json_t *obj, const char *key, const void *text, size_t n, struct err *err) MUST_CHECK;
int inspect_fmt(json_t *obj, const char *key, struct err *err, const char *fmt, ...) MUST_CHECK
	PRINTF_LIKE(4, 5);
int inspect_u64(json_t *obj, const char *key, uint64_t value, struct err *err) MUST_CHECK;
int inspect_bits(json_t *obj, const char *key, uint64_t value, struct err *err) MUST_CHECK;
int inspect_bool(json_t *obj, const char *key, bool value, struct err *err) MUST_CHECK;
int inspect_hex(
	json_t *obj, const char *key, const void *bytes, size_t n, struct err *err) MUST_CHECK;
/* Takes over @value, which may be NULL for lack of memory. */
int inspect_set(json_t *obj, const char *key, json_t *value, struct err *err) MUST_CHECK;
/* A new object at the end of the list @key, or in @key itself; NULL for lack of memory. */
json_t *inspect_append(json_t *obj, const char *key);
json_t *inspect_object(json_t *obj, const char *key);
/* The names of the bits that are set in @value, as a list; bits without a name as "bitN". */
struct inspect_bit {
	unsigned bit;
	const char *name;
};
int inspect_flags(json_t *obj, const char *key, uint64_t value, const struct inspect_bit *bits,
	size_t count, struct err *err) MUST_CHECK;

/*
 * Adds the segments of an initial RAM file system to @doc: archives, and compressed data, which end it. With @list the
 * names in archives are added to "files". *@ret_packed becomes where compressed data begin, @len without any.
 */
int inspect_segments(const unsigned char *bytes, size_t len, bool list, json_t *doc,
	size_t *ret_packed, struct err *err) MUST_CHECK;

/* The kinds' own files: inspect-NAME.c. */
bool inspect_is_firmware(const struct inspect_file *file);
bool inspect_is_quote(const struct inspect_file *file);
bool inspect_is_snp_report(const struct inspect_file *file);
bool inspect_is_sev_report(const struct inspect_file *file);
bool inspect_is_log(const struct inspect_file *file);
bool inspect_is_kernel(const struct inspect_file *file);
bool inspect_is_pe(const struct inspect_file *file);
bool inspect_is_igvm(const struct inspect_file *file);
bool inspect_is_cpio(const struct inspect_file *file);
bool inspect_is_verity(const struct inspect_file *file);
bool inspect_is_json(const struct inspect_file *file);
inspect_fn inspect_firmware, inspect_quote, inspect_snp_report, inspect_sev_report, inspect_log;
inspect_fn inspect_kernel, inspect_pe, inspect_igvm, inspect_cpio, inspect_verity, inspect_json;

#endif
