/* assay inspect with disk images, the configuration in a kernel, and compressed initrds (inspect.h). */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/rd.h"
#include "measure/evidence/inspect.h"
#include "mkimage/fs/image.h"
#include "mkimage/fs/verify-image.h"
#include "mkimage/kernel/ikconfig.h"
#include "mkimage/source/unpack.h"

/* --- images --- */

/* A partition table's signature, or a file system's. */
static bool is_image(const struct inspect_file *file)
{
	static const struct {
		size_t at, n;
		const char *magic;
	} known[] = {{510, 2, "\x55\xaa"}, {1024, 4, "\xe2\xe1\xf5\xe0"}, {1080, 2, "\x53\xef"},
		{0, 4, "XFSB"}, {0, 4, "hsqs"}, {4096, 10, "NVDIMM_PFN"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (file->head_len >= known[i].at + known[i].n &&
			memcmp(file->head + known[i].at, known[i].magic, known[i].n) == 0)
			return true;
	return false;
}

static int add_area(const struct image_area *area, json_t *row, struct err *err)
{
	int rc = inspect_u64(row, "offset", area->off, err);

	if (rc == 0)
		rc = inspect_u64(row, "size_bytes", area->size_bytes, err);
	if (rc == 0 && area->partition != 0)
		rc = inspect_u64(row, "partition", area->partition, err);
	return rc;
}

static int add_tree(const struct image_tree *tree, json_t *doc, struct err *err)
{
	json_t *row = inspect_append(doc, "tree");
	int rc = add_area(&tree->area, row, err);

	if (rc == 0)
		rc = inspect_bool(row, "superblock", tree->has_super, err);
	if (rc == 0 && tree->has_super)
		rc = inspect_u64(row, "data_blocks", tree->super.data_blocks, err);
	if (rc == 0 && tree->has_super)
		rc = inspect_hex(row, "salt", tree->super.salt, tree->super.salt_bytes, err);
	return rc;
}

/* The lines of a listing as strings. */
static int add_files(struct buf *text, json_t *doc, struct err *err)
{
	json_t *list = json_array();
	int rc = inspect_set(doc, "files", list, err);
	char *at = (char *)text->data;

	while (rc == 0 && at != NULL && *at != '\0') {
		char *end = strchr(at, '\n');

		if (end != NULL)
			*end = '\0';
		if (json_array_append_new(list, json_string(at)) != 0)
			rc = err_fail(err, -ENOMEM, "out of memory");
		at = end != NULL ? end + 1 : NULL;
	}
	return rc;
}

static int show_image(const struct inspect_file *file, json_t *doc, struct err *err)
{
	IMAGE_AUTO image = {0};
	BUF_AUTO text = {0};
	json_t *row;
	int rc = image_open(file->path, 0, &image, err);

	if (rc != 0)
		return rc;
	rc = inspect_set(doc, "label", json_string(image_label_name(image.label)), err);
	row = inspect_append(doc, "root");
	if (rc == 0)
		rc = add_area(&image.root, row, err);
	if (rc == 0)
		rc = inspect_set(row, "type",
			json_string(image.fs_type[0] != '\0' ? image.fs_type : "unknown"), err);
	for (size_t i = 0; rc == 0 && i < image.tree_count; i++)
		rc = add_tree(&image.trees[i], doc, err);
	if (rc == 0 && image.signature.size_bytes > 0)
		rc = add_area(&image.signature, inspect_append(doc, "signature"), err);
	if (rc != 0 || !file->list)
		return rc;
	rc = inspect_image_files(&image, &text, err);
	return rc == 0 ? add_files(&text, doc, err) : rc;
}

/* --- what goes with other kinds --- */

/* The configuration that a kernel carries, if it does. */
static int add_config(const struct inspect_file *file, json_t *doc, struct err *err)
{
	KCONFIG_AUTO config = {0};
	struct err why = {0};

	if (ikconfig_read(file->data, file->len, "kernel", &config, &why) != 0)
		return inspect_str(doc, "no_ikconfig", why.msg, strlen(why.msg), err);
	return inspect_u64(doc, "ikconfig_options", config.count, err);
}

static const struct unpack_limits limits = {.bytes_max = INSPECT_WHOLE_MAX, .ratio_max = 2000};

static int unpack_all(
	const struct inspect_file *file, size_t from, struct buf *ret, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	UNPACK_AUTO unpack = {.fd = -1};
	const unsigned char *block;
	uint64_t size;
	size_t n;
	int rc = io_open(file->path, &fd, &size, err);

	if (rc == 0 && size < from)
		return err_fail(err, -EBADMSG, "changed while it was read");
	if (rc == 0)
		rc = unpack_begin(&unpack, fd, from, size - from, &limits, err);
	while (rc == 0) {
		rc = unpack_next(&unpack, &block, &n, err);
		if (rc != 0 || n == 0)
			break;
		buf_add(ret, block, n);
	}
	return rc == 0 ? buf_check(ret, err) : rc;
}

/* Compressed archives: gzip, xz and zstd are unpacked. */
static int add_unpacked(const struct inspect_file *file, json_t *doc, struct err *err)
{
	static const char *const read[] = {"gzip", "xz", "zstd"};
	json_t *segments = json_object_get(doc, "segment");
	json_t *last = json_array_get(segments, json_array_size(segments) - 1);
	const char *form = json_string_value(json_object_get(last, "form"));
	json_t *inner;
	BUF_AUTO bytes = {0};
	size_t packed, i = 0;
	int rc;

	while (i < sizeof(read) / sizeof(read[0]) && (form == NULL || strcmp(form, read[i]) != 0))
		i++;
	if (i == sizeof(read) / sizeof(read[0]))
		return 0;
	rc = unpack_all(
		file, (size_t)json_integer_value(json_object_get(last, "offset")), &bytes, err);
	inner = inspect_object(doc, "unpacked");
	if (rc == 0)
		rc = inspect_u64(inner, "size_bytes", bytes.len, err);
	if (rc == 0 && file->list)
		rc = inspect_set(inner, "files", json_incref(json_object_get(doc, "files")), err);
	if (rc == 0)
		rc = inspect_segments(bytes.data, bytes.len, file->list, inner, &packed, err);
	json_object_del(inner, "files");
	return rc;
}

int cmd_inspect_any(int argc, char **argv)
{
	static const struct inspect_kind image = {"image",
		"disk images: label, root, dm-verity trees, signature", is_image, show_image, NULL,
		true, true};
	size_t count;
	const struct inspect_kind *known = inspect_kinds(&count);
	struct inspect_kind *kinds AUTO_FREE = calloc(count + 1, sizeof(*kinds));
	struct err err = {0};

	if (kinds == NULL)
		return err_status(err_fail(&err, -ENOMEM, "out of memory"));
	for (size_t i = 0; i < count; i++) {
		kinds[i] = known[i];
		if (strcmp(known[i].name, "kernel") == 0)
			kinds[i].more = add_config;
		if (strcmp(known[i].name, "initrd") == 0)
			kinds[i].more = add_unpacked;
	}
	kinds[count] = image;
	return inspect_run(argc, argv, kinds, count + 1);
}
