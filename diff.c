/* assay diff with guest images: their file systems are listed, and the lists compared (diff.h). */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/json.h"
#include "measure/evidence/diff.h"
#include "mkimage/fs/image.h"
#include "mkimage/fs/verify-image.h"

/* The fields of a listing's line before its path (mkimage/fs/list-fs.h). */
enum field {
	FIELD_TYPE,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_SIZE,
	FIELD_SHA256,
	FIELDS,
};

static const char *const field_names[FIELDS] = {
	"type", "mode", "uid", "gid", "size_bytes", "sha256"};

/* One line as a file of assay-files/1. Its numbers stay text: they are compared, not computed with. */
static json_t *file_of(char *line)
{
	json_t *file = json_object();

	for (int field = 0; field < FIELDS; field++) {
		char *end = strchr(line, ' ');

		if (end == NULL) {
			json_decref(file);
			return NULL;
		}
		*end = '\0';
		json_object_set_new(file, field_names[field], json_string(line));
		line = end + 1;
	}
	if (strcmp(json_string_value(json_object_get(file, "type")), "l") == 0) {
		char *arrow = strstr(line, " -> ");

		if (arrow != NULL) {
			*arrow = '\0';
			json_object_set_new(file, "target", json_string(arrow + 4));
		}
	}
	json_object_set_new(file, "path", json_string(line));
	return file;
}

static int files_of(struct buf *text, json_t *files, struct err *err)
{
	char *line = (char *)text->data;

	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (json_array_append_new(files, file_of(line)) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* What the image is, and the digest of its root: that differs too when a time or an attribute does, which no listing shows. */
static int describe(const struct image *image, json_t **ret, struct err *err)
{
	IMAGE_BYTES_AUTO bytes = {0};
	unsigned char digest[SHA256_SIZE];
	int rc = image_map(image, &bytes, err);

	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, bytes.root, bytes.root_bytes, digest, err);
	if (rc != 0)
		return rc;
	*ret = json_pack("{s:s, s:{s:s, s:I, s:I, s:o}, s:i}", "label",
		image_label_name(image->label), "root", "type", image->fs_type, "offset",
		(json_int_t)image->root.off, "size_bytes", (json_int_t)image->root.size_bytes,
		"sha256", json_doc_hex_new(digest, sizeof(digest)), "trees",
		(int)image->tree_count);
	return *ret == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;
}

static int read_image(const char *path, json_t **ret_settings, json_t **ret_files, struct err *err)
{
	IMAGE_AUTO image = {0};
	BUF_AUTO text = {0};
	JSON_AUTO *settings = NULL;
	JSON_AUTO *files = json_array();
	int rc = image_open(path, 0, &image, err);

	if (rc == 0)
		rc = describe(&image, &settings, err);
	if (rc == 0)
		rc = inspect_image_files(&image, &text, err);
	if (rc == 0)
		rc = files_of(&text, files, err);
	if (rc != 0)
		return rc;
	*ret_settings = json_incref(settings);
	*ret_files = json_pack("{s:O}", "files", files);
	return *ret_files == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;
}

int cmd_diff_any(int argc, char **argv)
{
	return diff_run(argc, argv, read_image);
}
