/* Container images (source-oci.h). */
#define _GNU_SOURCE
#include "mkimage/source/source-oci.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "mkimage/source/layer.h"
#include "mkimage/source/source-file.h"

#define DIGEST_PREFIX "sha256:"
#define PATH_BYTES    160 /* "blobs/sha256/" and 64 digits */
#define AT_BYTES      64
#define MEDIA_BYTES   100 /* longer than any that is known */

/* The files of a layout: a directory, or the members of an archive. */
struct store {
	int dir_fd; /* -1: an archive */
	struct source_file file;
	struct tree members;
};

struct reading {
	const struct source_oci_options *options;
	const char *origin;
	struct store store;
	struct spool *spool;
	struct tree *tree;
};

/* A blob that is pinned by what refers to it. */
struct descriptor {
	char media_type[MEDIA_BYTES];
	unsigned char sha256[SHA256_SIZE];
	uint64_t size_bytes;
};

/* An open member: its bytes, and the descriptor to close when it has one of its own. */
struct blob {
	int fd;
	struct tree_content content;
};

static void store_done(struct store *store)
{
	io_close(&store->dir_fd);
	source_file_done(&store->file);
	tree_done(&store->members);
}

static void reading_done(struct reading *reading)
{
	store_done(&reading->store);
}

static void blob_done(struct blob *blob)
{
	io_close(&blob->fd);
}

#define BLOB_AUTO __attribute__((cleanup(blob_done))) struct blob

/* --- the store --- */

static int open_archive(struct reading *reading, const char *path, struct err *err)
{
	struct source_options options = {
		.what = "archive", .by_reference = true, .limits = reading->options->limits};
	struct store *store = &reading->store;
	SOURCE_ARCHIVE_AUTO archive = {0};
	int rc = source_file_open(path, NULL, &store->file, err);

	if (rc != 0)
		return rc;
	rc = source_archive_read(
		store->file.fd, 0, store->file.size_bytes, &options, reading->spool, &archive, err);
	if (rc == 0)
		rc = tree_init(&store->members, err);
	if (rc == 0)
		rc = layer_apply(&archive, options.what, false, "", &store->members, err);
	return rc != 0 ? err_wrap(err, "%s", path) : 0;
}

static int open_store(struct reading *reading, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return open_archive(reading, path, err);
	reading->store.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return reading->store.dir_fd < 0 ? err_sys(err, "%s", path) : 0;
}

static int no_member(const char *name, struct err *err)
{
	return err_fail(err, -EBADMSG, "there is no file %.200s in it", name);
}

static int open_in_dir(
	const struct store *store, const char *name, struct blob *ret, struct err *err)
{
	BLOB_AUTO blob = {.fd = openat(store->dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
	struct stat st;

	if (blob.fd < 0 && errno != ENOENT)
		return err_sys(err, "%s", name);
	if (blob.fd >= 0 && fstat(blob.fd, &st) != 0)
		return err_sys(err, "%s", name);
	if (blob.fd < 0 || !S_ISREG(st.st_mode))
		return no_member(name, err);
	blob.content = (struct tree_content){.fd = blob.fd, .size_bytes = (uint64_t)st.st_size};
	*ret = blob;
	blob.fd = -1;
	return 0;
}

/* Opens the member @name, a path that tree_check_path() accepts. */
static int store_open(
	const struct store *store, const char *name, struct blob *ret, struct err *err)
{
	const struct tree_node *node;

	if (store->dir_fd >= 0)
		return open_in_dir(store, name, ret, err);
	node = tree_resolve(&store->members, name);
	if (node == NULL || node->inode->type != TREE_FILE)
		return no_member(name, err);
	*ret = (struct blob){.fd = -1, .content = node->inode->content};
	return 0;
}

static bool store_has(const struct store *store, const char *name)
{
	BLOB_AUTO blob = {.fd = -1};
	struct err ignored = {0};

	return store_open(store, name, &blob, &ignored) == 0;
}

static int read_json(const struct tree_content *content, const char *name, struct buf *ret_text,
	json_t **ret, struct err *err)
{
	void *dst;
	int rc;

	if (content->size_bytes > SOURCE_OCI_JSON_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u bytes", name, SOURCE_OCI_JSON_MAX);
	dst = buf_grow(ret_text, (size_t)content->size_bytes);
	rc = buf_check(ret_text, err);
	if (rc == 0)
		rc = tree_read(content, name, dst, (size_t)content->size_bytes, 0, err);
	return rc != 0 ? rc : json_doc_parse(buf_cstr(ret_text), ret_text->len, name, ret, err);
}

static int read_plain_json(
	const struct store *store, const char *name, json_t **ret, struct err *err)
{
	BLOB_AUTO blob = {.fd = -1};
	BUF_AUTO text = {0};
	int rc = store_open(store, name, &blob, err);

	return rc != 0 ? rc : read_json(&blob.content, name, &text, ret, err);
}

static void blob_path(const unsigned char sha256[SHA256_SIZE], char ret[PATH_BYTES])
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(sha256, SHA256_SIZE, hex);
	snprintf(ret, PATH_BYTES, "blobs/sha256/%s", hex);
}

/* Opens a blob after checking its size and digest. */
static int open_blob(const struct store *store, const struct descriptor *descriptor,
	struct blob *ret, struct err *err)
{
	char path[PATH_BYTES];
	unsigned char got[SHA256_SIZE];
	BLOB_AUTO blob = {.fd = -1};
	int rc;

	blob_path(descriptor->sha256, path);
	rc = store_open(store, path, &blob, err);
	if (rc != 0)
		return rc;
	if (blob.content.size_bytes != descriptor->size_bytes)
		return err_fail(err, -EKEYREJECTED, "%s has %llu bytes, not %llu", path,
			(unsigned long long)blob.content.size_bytes,
			(unsigned long long)descriptor->size_bytes);
	rc = tree_digest(&blob.content, path, got, err);
	if (rc != 0)
		return rc;
	if (memcmp(got, descriptor->sha256, sizeof(got)) != 0)
		return err_fail(err, -EKEYREJECTED, "%s has another digest than its name", path);
	*ret = blob;
	blob.fd = -1;
	return 0;
}

static int read_blob_json(const struct store *store, const struct descriptor *descriptor,
	json_t **ret, struct err *err)
{
	char path[PATH_BYTES];
	BLOB_AUTO blob = {.fd = -1};
	BUF_AUTO text = {0};
	int rc = open_blob(store, descriptor, &blob, err);

	blob_path(descriptor->sha256, path);
	return rc != 0 ? rc : read_json(&blob.content, path, &text, ret, err);
}

/* --- the documents --- */

enum media {
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER,
};

static const struct {
	const char *type;
	enum media media;
} media_types[] = {
	{"application/vnd.oci.image.index.v1+json", MEDIA_INDEX},
	{"application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX},
	{"application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST},
	{"application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST},
	{"application/vnd.oci.image.config.v1+json", MEDIA_CONFIG},
	{"application/vnd.docker.container.image.v1+json", MEDIA_CONFIG},
	{"application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER},
	{"application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER},
	{"application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER},
	{"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER},
};

static bool is_media(const char *type, enum media media)
{
	for (size_t i = 0; i < sizeof(media_types) / sizeof(*media_types); i++) {
		if (strcmp(media_types[i].type, type) == 0)
			return media_types[i].media == media;
	}
	return false;
}

static int parse_digest(
	const char *text, const char *at, unsigned char ret[SHA256_SIZE], struct err *err)
{
	size_t n = strlen(DIGEST_PREFIX);

	if (strncmp(text, DIGEST_PREFIX, n) == 0 && hex_decode(text + n, ret, SHA256_SIZE))
		return 0;
	return err_fail(err, -ENOTSUP, "%s: \"%.100s\" is no SHA-256 digest", at, text);
}

static int read_descriptor(
	const json_t *value, const char *at, struct descriptor *ret, struct err *err)
{
	struct descriptor descriptor;
	const char *media_type, *digest;
	int rc = json_is_object(value) ? 0 : err_fail(err, -EBADMSG, "%s: not an object", at);

	if (rc == 0)
		rc = json_doc_str(value, at, "mediaType", &media_type, err);
	if (rc == 0)
		rc = json_doc_str(value, at, "digest", &digest, err);
	if (rc == 0)
		rc = json_doc_u64(value, at, "size", &descriptor.size_bytes, err);
	if (rc == 0)
		rc = parse_digest(digest, at, descriptor.sha256, err);
	if (rc != 0)
		return rc;
	snprintf(descriptor.media_type, sizeof(descriptor.media_type), "%s", media_type);
	*ret = descriptor;
	return 0;
}

static int expect_media(
	const struct descriptor *descriptor, enum media media, const char *at, struct err *err)
{
	if (is_media(descriptor->media_type, media))
		return 0;
	return err_fail(err, -ENOTSUP, "%s: the media type %.100s is not supported here", at,
		descriptor->media_type);
}

static int expect_version(const json_t *doc, const char *at, struct err *err)
{
	uint64_t version;
	int rc = json_doc_u64(doc, at, "schemaVersion", &version, err);

	if (rc == 0 && version != 2)
		return err_fail(err, -ENOTSUP, "%s has schemaVersion %llu, not 2", at,
			(unsigned long long)version);
	return rc;
}

/* The manifests of an index. */
static int index_manifests(const json_t *index, const char *at, json_t **ret, struct err *err)
{
	int rc = expect_version(index, at, err);

	if (rc == 0)
		rc = json_doc_array(index, at, "manifests", ret, err);
	if (rc == 0 && json_array_size(*ret) > SOURCE_OCI_MANIFESTS_MAX)
		return err_fail(err, -EFBIG, "%s names more than %d manifests", at,
			SOURCE_OCI_MANIFESTS_MAX);
	return rc;
}

/* The descriptor of what the recipe pins: in index.json, or in an index that index.json names. */
static int find_pinned(const struct reading *reading, const json_t *index, const char *at,
	bool nested, struct descriptor *ret, struct err *err)
{
	const struct store *store = &reading->store;
	json_t *manifests = NULL;
	int rc = index_manifests(index, at, &manifests, err);

	for (size_t i = 0; rc == 0 && i < json_array_size(manifests); i++) {
		struct descriptor descriptor;
		JSON_AUTO *inner = NULL;
		char where[AT_BYTES];

		snprintf(where, sizeof(where), "%s.manifests[%zu]", at, i);
		rc = read_descriptor(json_array_get(manifests, i), where, &descriptor, err);
		if (rc != 0)
			return rc;
		if (memcmp(descriptor.sha256, reading->options->sha256, SHA256_SIZE) == 0) {
			*ret = descriptor;
			return 1;
		}
		if (nested || !is_media(descriptor.media_type, MEDIA_INDEX))
			continue;
		rc = read_blob_json(store, &descriptor, &inner, err);
		if (rc == 0)
			rc = find_pinned(reading, inner, "nested index", true, ret, err);
	}
	return rc;
}

static bool is_platform(const struct reading *reading, const json_t *manifest)
{
	const json_t *platform = json_object_get(manifest, "platform");
	const char *architecture = json_string_value(json_object_get(platform, "architecture"));
	const char *os = json_string_value(json_object_get(platform, "os"));

	return architecture != NULL && os != NULL && strcmp(os, "linux") == 0 &&
	       strcmp(architecture, reading->options->architecture) == 0;
}

/* The one manifest of an index that is for our platform. */
static int choose_platform(const struct reading *reading, const json_t *index, const char *at,
	struct descriptor *ret, struct err *err)
{
	json_t *manifests = NULL;
	size_t found = 0;
	int rc = index_manifests(index, at, &manifests, err);

	for (size_t i = 0; rc == 0 && i < json_array_size(manifests); i++) {
		char where[AT_BYTES];

		if (!is_platform(reading, json_array_get(manifests, i)))
			continue;
		found++;
		snprintf(where, sizeof(where), "%s.manifests[%zu]", at, i);
		rc = read_descriptor(json_array_get(manifests, i), where, ret, err);
		if (rc == 0)
			rc = expect_media(ret, MEDIA_MANIFEST, where, err);
	}
	if (rc == 0 && found != 1)
		return err_fail(err, -EBADMSG, "%s has %zu images for linux/%s, not one", at, found,
			reading->options->architecture);
	return rc;
}

static int check_config(const struct reading *reading, const json_t *config, struct err *err)
{
	const char *architecture, *os, *type;
	json_t *rootfs;
	int rc = json_doc_str(config, "config", "architecture", &architecture, err);

	if (rc == 0)
		rc = json_doc_str(config, "config", "os", &os, err);
	if (rc == 0)
		rc = json_doc_object(config, "config", "rootfs", &rootfs, err);
	if (rc == 0)
		rc = json_doc_str(rootfs, "config.rootfs", "type", &type, err);
	if (rc != 0)
		return rc;
	if (strcmp(os, "linux") != 0 || strcmp(architecture, reading->options->architecture) != 0)
		return err_fail(err, -EBADMSG, "the image is for %.40s/%.40s, not linux/%s", os,
			architecture, reading->options->architecture);
	if (strcmp(type, "layers") != 0)
		return err_fail(
			err, -ENOTSUP, "config.rootfs.type \"%.40s\" is not \"layers\"", type);
	if (reading->options->ret_config != NULL && *reading->options->ret_config == NULL)
		*reading->options->ret_config = json_incref((json_t *)config);
	return 0;
}

/* The digests of the uncompressed layers, as many as there are layers. */
static int diff_ids(const struct reading *reading, const json_t *config, size_t layers,
	json_t **ret, struct err *err)
{
	int rc = check_config(reading, config, err);

	if (rc == 0)
		rc = json_doc_array(
			json_object_get(config, "rootfs"), "config.rootfs", "diff_ids", ret, err);
	if (rc == 0 && layers > SOURCE_OCI_LAYERS_MAX)
		return err_fail(
			err, -EFBIG, "%zu layers, more than %d", layers, SOURCE_OCI_LAYERS_MAX);
	if (rc == 0 && json_array_size(*ret) != layers)
		return err_fail(err, -EBADMSG, "%zu layers, but the configuration has %zu", layers,
			json_array_size(*ret));
	return rc;
}

/* --- layers --- */

/* Reads one layer, hashing what its compression holds, and puts it over the tree. */
static int take_layer(struct reading *reading, size_t i, const struct tree_content *content,
	const json_t *diff_id, struct err *err)
{
	char what[AT_BYTES];
	unsigned char got[SHA256_SIZE], want[SHA256_SIZE];
	DIGEST_AUTO digest = {0};
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = {.what = what,
		.allow = reading->options->allow,
		.limits = reading->options->limits,
		.digest = &digest};
	const char *text = json_string_value(diff_id);
	int rc;

	snprintf(what, sizeof(what), "layer %zu", i);
	if (text == NULL)
		return err_fail(err, -EBADMSG, "config.rootfs.diff_ids[%zu] is not a string", i);
	rc = parse_digest(text, "config.rootfs.diff_ids", want, err);
	if (rc == 0)
		rc = digest_init(&digest, DIGEST_SHA256, err);
	if (rc == 0)
		rc = digest_begin(&digest, err);
	if (rc == 0)
		rc = source_archive_read(content->fd, content->off, content->size_bytes, &options,
			reading->spool, &archive, err);
	if (rc == 0)
		rc = digest_end(&digest, got, err);
	if (rc != 0)
		return rc;
	if (memcmp(got, want, sizeof(got)) != 0)
		return err_fail(err, -EKEYREJECTED,
			"%s has another digest than config.rootfs.diff_ids says", what);
	return layer_apply(&archive, what, true, reading->origin, reading->tree, err);
}

static int take_manifest_layer(struct reading *reading, size_t i, const json_t *layer,
	const json_t *diff_id, struct err *err)
{
	struct descriptor descriptor;
	BLOB_AUTO blob = {.fd = -1};
	char at[AT_BYTES];
	int rc;

	snprintf(at, sizeof(at), "manifest.layers[%zu]", i);
	rc = read_descriptor(layer, at, &descriptor, err);
	if (rc == 0)
		rc = expect_media(&descriptor, MEDIA_LAYER, at, err);
	if (rc == 0)
		rc = open_blob(&reading->store, &descriptor, &blob, err);
	if (rc != 0)
		return rc;
	return take_layer(reading, i, &blob.content, diff_id, err);
}

static int take_manifest(struct reading *reading, const json_t *manifest, struct err *err)
{
	struct descriptor descriptor;
	JSON_AUTO *config = NULL;
	json_t *layers = NULL, *ids = NULL;
	int rc = expect_version(manifest, "manifest", err);

	if (rc == 0)
		rc = read_descriptor(
			json_object_get(manifest, "config"), "manifest.config", &descriptor, err);
	if (rc == 0)
		rc = expect_media(&descriptor, MEDIA_CONFIG, "manifest.config", err);
	if (rc == 0)
		rc = read_blob_json(&reading->store, &descriptor, &config, err);
	if (rc == 0)
		rc = json_doc_array(manifest, "manifest", "layers", &layers, err);
	if (rc == 0)
		rc = diff_ids(reading, config, json_array_size(layers), &ids, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(layers); i++)
		rc = take_manifest_layer(
			reading, i, json_array_get(layers, i), json_array_get(ids, i), err);
	return rc;
}

/* --- OCI image layout --- */

static int check_layout(const struct store *store, struct err *err)
{
	JSON_AUTO *layout = NULL;
	const char *version;
	int rc = read_plain_json(store, "oci-layout", &layout, err);

	if (rc == 0)
		rc = json_doc_str(layout, "oci-layout", "imageLayoutVersion", &version, err);
	if (rc == 0 && strcmp(version, "1.0.0") != 0)
		return err_fail(
			err, -ENOTSUP, "image layout version \"%.40s\" is not 1.0.0", version);
	return rc;
}

static int not_there(const struct reading *reading, const char *where, struct err *err)
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(reading->options->sha256, SHA256_SIZE, hex);
	return err_fail(err, -EKEYREJECTED, "%s has no sha256:%s", where, hex);
}

static int read_layout(struct reading *reading, struct err *err)
{
	const struct store *store = &reading->store;
	JSON_AUTO *index = NULL;
	JSON_AUTO *inner = NULL;
	JSON_AUTO *manifest = NULL;
	struct descriptor descriptor;
	int rc = check_layout(store, err);

	if (rc == 0)
		rc = read_plain_json(store, "index.json", &index, err);
	if (rc == 0)
		rc = find_pinned(reading, index, "index.json", false, &descriptor, err);
	if (rc == 0)
		return not_there(reading, "index.json", err);
	if (rc < 0)
		return rc;
	rc = 0;
	if (is_media(descriptor.media_type, MEDIA_INDEX)) {
		rc = read_blob_json(store, &descriptor, &inner, err);
		if (rc == 0)
			rc = choose_platform(reading, inner, "the index", &descriptor, err);
	}
	if (rc == 0)
		rc = expect_media(&descriptor, MEDIA_MANIFEST, "index.json", err);
	if (rc == 0)
		rc = read_blob_json(store, &descriptor, &manifest, err);
	return rc != 0 ? rc : take_manifest(reading, manifest, err);
}

/* --- docker archives --- */

/* Opens the member that a docker manifest names. */
static int open_named(const struct store *store, const json_t *value, struct blob *ret,
	const char **ret_name, struct err *err)
{
	const char *name = json_string_value(value);

	if (name == NULL)
		return err_fail(err, -EBADMSG, "manifest.json: a name that is no string");
	if (tree_check_path(name, "manifest.json", err) != 0)
		return -EBADMSG;
	*ret_name = name;
	return store_open(store, name, ret, err);
}

static int take_docker_layers(
	struct reading *reading, const json_t *image, const json_t *config, struct err *err)
{
	json_t *layers = NULL, *ids = NULL;
	int rc = json_doc_array(image, "manifest.json", "Layers", &layers, err);

	if (rc == 0)
		rc = diff_ids(reading, config, json_array_size(layers), &ids, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(layers); i++) {
		BLOB_AUTO blob = {.fd = -1};
		const char *name;

		rc = open_named(&reading->store, json_array_get(layers, i), &blob, &name, err);
		if (rc != 0)
			return rc;
		rc = take_layer(reading, i, &blob.content, json_array_get(ids, i), err);
	}
	return rc;
}

/* Reads the image when its configuration is the pinned one; *@ret_taken says so. */
static int try_docker_image(
	struct reading *reading, const json_t *image, bool *ret_taken, struct err *err)
{
	unsigned char got[SHA256_SIZE];
	BLOB_AUTO blob = {.fd = -1};
	JSON_AUTO *config = NULL;
	BUF_AUTO text = {0};
	const char *name;
	int rc = json_is_object(image) ? 0 : err_fail(err, -EBADMSG, "manifest.json is malformed");

	if (rc == 0)
		rc = open_named(
			&reading->store, json_object_get(image, "Config"), &blob, &name, err);
	if (rc == 0)
		rc = read_json(&blob.content, name, &text, &config, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, buf_cstr(&text), text.len, got, err);
	*ret_taken = rc == 0 && memcmp(got, reading->options->sha256, sizeof(got)) == 0;
	return *ret_taken ? take_docker_layers(reading, image, config, err) : rc;
}

static int read_docker(struct reading *reading, struct err *err)
{
	JSON_AUTO *images = NULL;
	bool taken = false;
	int rc = read_plain_json(&reading->store, "manifest.json", &images, err);

	if (rc == 0 &&
		(!json_is_array(images) || json_array_size(images) > SOURCE_OCI_MANIFESTS_MAX))
		return err_fail(err, -EBADMSG, "manifest.json is no list of images");
	for (size_t i = 0; rc == 0 && !taken && i < json_array_size(images); i++)
		rc = try_docker_image(reading, json_array_get(images, i), &taken, err);
	return rc == 0 && !taken ? not_there(reading, "manifest.json", err) : rc;
}

static int read_image(struct reading *reading, const char *path, struct err *err)
{
	int rc;

	if (store_has(&reading->store, "oci-layout"))
		rc = read_layout(reading, err);
	else if (store_has(&reading->store, "manifest.json"))
		rc = read_docker(reading, err);
	else
		rc = err_fail(err, -EBADMSG, "no image layout and no docker archive");
	return rc != 0 ? err_wrap(err, "%s", path) : 0;
}

int source_oci_read(const char *path, const struct source_oci_options *options, struct spool *spool,
	const char *origin, struct tree *tree, struct err *err)
{
	__attribute__((cleanup(reading_done))) struct reading reading = {
		.options = options,
		.origin = origin,
		.store = {.dir_fd = -1, .file = {.fd = -1}},
		.spool = spool,
		.tree = tree,
	};
	int rc = open_store(&reading, path, err);

	if (rc == 0)
		rc = read_image(&reading, path, err);
	if (rc == 0 && reading.store.file.fd >= 0)
		rc = source_file_unchanged(&reading.store.file, err);
	return rc;
}
