/* Bills of materials and the list of files (sbom.h). */
#define _GNU_SOURCE
#include "mkimage/sbom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/hex.h"
#include "lib/json.h"

#define TIME_BYTES   80
#define UUID_BYTES   37
#define REF_BYTES    32
#define NO_ASSERTION "NOASSERTION"

/* One input of the build; strings are borrowed from the manifest. */
struct component {
	char ref[REF_BYTES];
	const char *kind; /* "package", "file", "source", "tool" */
	const char *name;
	const char *version; /* NULL when it has none */
	const char *sha256;  /* NULL when it has none */
	char *purl;	     /* owned; NULL when it has none */
};

static void component_done(struct component *component)
{
	free(component->purl);
}

#define COMPONENT_AUTO __attribute__((cleanup(component_done))) struct component

/* --- shared --- */

static void format_time(uint64_t seconds, char ret[TIME_BYTES])
{
	time_t time = (time_t)seconds;
	struct tm tm = {0};

	gmtime_r(&time, &tm);
	snprintf(ret, TIME_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* What a purl may hold as it is is less than what a version may. */
static void add_encoded(struct buf *ret, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~",
			    *text) != NULL)
			buf_add(ret, text, 1);
		else
			buf_fmt(ret, "%%%02X", (unsigned char)*text);
	}
}

static const struct lock_package *find_package(
	const struct lock *lock, const char *set, const char *name)
{
	struct lock_package key = {.set = (char *)set, .name = (char *)name};

	return lock->count == 0 || set == NULL ? NULL
					       : bsearch(&key, lock->packages, lock->count,
							 sizeof(*lock->packages), lock_compare);
}

/* "pkg:deb/debian/NAME@VERSION?arch=amd64": the vendor is what the archive's name begins with. */
static char *package_url(const struct lock_package *package)
{
	struct buf text = {0};
	char vendor[64];

	snprintf(vendor, sizeof(vendor), "%.*s", (int)strcspn(package->archive, "-"),
		package->archive);
	buf_fmt(&text, "pkg:deb/%s/", vendor);
	add_encoded(&text, package->name);
	buf_str(&text, "@");
	add_encoded(&text, package->version);
	buf_str(&text, "?arch=");
	add_encoded(&text, package->architecture);
	if (text.bad) {
		buf_done(&text);
		return NULL;
	}
	return (char *)text.data;
}

static const char *field(const json_t *input, const char *key)
{
	return json_string_value(json_object_get(input, key));
}

/* The @i-th input as a component; *@ret_is false for the recipe's own documents. */
static int read_component(
	const struct sbom *sbom, size_t i, struct component *ret, bool *ret_is, struct err *err)
{
	const json_t *input = json_array_get(sbom->inputs, i);
	const struct lock_package *package;

	*ret = (struct component){
		.kind = field(input, "kind"),
		.name = field(input, "name"),
		.version = field(input, "version"),
		.sha256 = field(input, "sha256"),
	};
	*ret_is = ret->kind != NULL && ret->name != NULL && strcmp(ret->kind, "include") != 0;
	if (!*ret_is)
		return 0;
	snprintf(ret->ref, sizeof(ret->ref), "Input-%zu", i);
	package = find_package(sbom->lock, field(input, "set"), ret->name);
	if (package == NULL)
		return 0;
	ret->purl = package_url(package);
	return ret->purl != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

typedef int add_fn(json_t *doc, const struct component *component, struct err *err);

/* Calls @add for every component; @doc is what it adds to. */
static int add_components(const struct sbom *sbom, json_t *doc, add_fn *add, struct err *err)
{
	for (size_t i = 0; i < json_array_size(sbom->inputs); i++) {
		COMPONENT_AUTO component = {0};
		bool is = false;
		int rc = read_component(sbom, i, &component, &is, err);

		if (rc == 0 && is)
			rc = add(doc, &component, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int no_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory for a document");
}

static int append(json_t *array, json_t *item, struct err *err)
{
	return json_array_append_new(array, item) == 0 ? 0 : no_memory(err);
}

static int set(json_t *obj, const char *key, json_t *value, struct err *err)
{
	return json_object_set_new(obj, key, value) == 0 ? 0 : no_memory(err);
}

/* --- SPDX --- */

static json_t *spdx_checksums(const char *sha256)
{
	return json_pack("[{s:s, s:s}]", "algorithm", "SHA256", "checksumValue", sha256);
}

static int spdx_relate(
	json_t *doc, const char *from, const char *type, const char *to, struct err *err)
{
	return append(json_object_get(doc, "relationships"),
		json_pack("{s:s, s:s, s:s+}", "spdxElementId", from, "relationshipType", type,
			"relatedSpdxElement", "SPDXRef-", to),
		err);
}

static int spdx_package(json_t *doc, const char *ref, const char *name, const char *version,
	json_t **ret, struct err *err)
{
	json_t *package = json_pack("{s:s+, s:s, s:s, s:b, s:s, s:s, s:s}", "SPDXID", "SPDXRef-",
		ref, "name", name, "downloadLocation", NO_ASSERTION, "filesAnalyzed", 0,
		"licenseConcluded", NO_ASSERTION, "licenseDeclared", NO_ASSERTION, "copyrightText",
		NO_ASSERTION);
	int rc = append(json_object_get(doc, "packages"), package, err);

	if (rc == 0 && version != NULL)
		rc = set(package, "versionInfo", json_string(version), err);
	if (rc == 0)
		*ret = package;
	return rc;
}

static int spdx_add(json_t *doc, const struct component *component, struct err *err)
{
	json_t *package;
	int rc = spdx_package(
		doc, component->ref, component->name, component->version, &package, err);

	if (rc == 0 && component->sha256 != NULL)
		rc = set(package, "checksums", spdx_checksums(component->sha256), err);
	if (rc == 0 && component->purl != NULL)
		rc = set(package, "externalRefs",
			json_pack("[{s:s, s:s, s:s}]", "referenceCategory", "PACKAGE-MANAGER",
				"referenceType", "purl", "referenceLocator", component->purl),
			err);
	if (rc == 0)
		rc = set(package, "comment", json_sprintf("input: %s", component->kind), err);
	return rc != 0 ? rc : spdx_relate(doc, "SPDXRef-Image", "CONTAINS", component->ref, err);
}

static int spdx_image(const struct sbom *sbom, json_t *doc, struct err *err)
{
	char root_hash[2 * SHA256_SIZE + 1], sha256[2 * SHA256_SIZE + 1];
	json_t *package;
	int rc;

	hex_encode(sbom->root_hash, SHA256_SIZE, root_hash);
	hex_encode(sbom->image_sha256, SHA256_SIZE, sha256);
	rc = spdx_package(doc, "Image", sbom->recipe->name, root_hash, &package, err);
	if (rc == 0)
		rc = set(package, "checksums", spdx_checksums(sha256), err);
	if (rc == 0)
		rc = set(package, "primaryPackagePurpose", json_string("OPERATING-SYSTEM"), err);
	if (rc == 0)
		rc = set(package, "comment",
			json_sprintf("rootfs.img; dm-verity root hash %s", root_hash), err);
	return rc != 0 ? rc : spdx_relate(doc, "SPDXRef-DOCUMENT", "DESCRIBES", "Image", err);
}

int sbom_spdx(const struct sbom *sbom, struct buf *ret, struct err *err)
{
	char created[TIME_BYTES], root_hash[2 * SHA256_SIZE + 1];
	JSON_AUTO *doc = NULL;
	int rc;

	format_time(sbom->recipe->timestamp, created);
	hex_encode(sbom->root_hash, SHA256_SIZE, root_hash);
	doc = json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:s, s:[s]}, s:[], s:[]}", "spdxVersion",
		"SPDX-2.3", "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name",
		sbom->recipe->name, "documentNamespace",
		json_sprintf(
			"https://spdx.org/spdxdocs/assay-%s-%s", sbom->recipe->name, root_hash),
		"creationInfo", "created", created, "creators", "Tool: assay-" ASSAY_VERSION,
		"packages", "relationships");
	if (doc == NULL)
		return no_memory(err);
	rc = spdx_image(sbom, doc, err);
	if (rc == 0)
		rc = add_components(sbom, doc, spdx_add, err);
	return rc != 0 ? rc : json_doc_write(doc, ret, err);
}

/* --- CycloneDX --- */

/* Derived from the root hash: version 8 of RFC 9562. */
static int make_uuid(const struct sbom *sbom, char ret[UUID_BYTES], struct err *err)
{
	unsigned char text[16 + SHA256_SIZE] = "assay cyclonedx", id[SHA256_SIZE];
	char hex[33];
	int rc;

	memcpy(text + 16, sbom->root_hash, SHA256_SIZE);
	rc = digest_bytes(DIGEST_SHA256, text, sizeof(text), id, err);
	if (rc != 0)
		return rc;
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x80);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
	hex_encode(id, 16, hex);
	snprintf(ret, UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		hex + 20);
	return 0;
}

static json_t *cyclonedx_hashes(const char *sha256)
{
	return json_pack("[{s:s, s:s}]", "alg", "SHA-256", "content", sha256);
}

static const char *cyclonedx_type(const char *kind)
{
	if (strcmp(kind, "package") == 0)
		return "library";
	return strcmp(kind, "tool") == 0 ? "application" : "file";
}

static int cyclonedx_add(json_t *doc, const struct component *component, struct err *err)
{
	json_t *image = json_array_get(json_object_get(doc, "dependencies"), 0);
	json_t *item = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}]}", "type",
		cyclonedx_type(component->kind), "bom-ref", component->ref, "name", component->name,
		"properties", "name", "assay:input", "value", component->kind);
	int rc = append(json_object_get(doc, "components"), item, err);

	if (rc == 0 && component->version != NULL)
		rc = set(item, "version", json_string(component->version), err);
	if (rc == 0 && component->sha256 != NULL)
		rc = set(item, "hashes", cyclonedx_hashes(component->sha256), err);
	if (rc == 0 && component->purl != NULL)
		rc = set(item, "purl", json_string(component->purl), err);
	return rc != 0 ? rc
		       : append(json_object_get(image, "dependsOn"), json_string(component->ref),
				 err);
}

int sbom_cyclonedx(const struct sbom *sbom, struct buf *ret, struct err *err)
{
	char created[TIME_BYTES], uuid[UUID_BYTES];
	char root_hash[2 * SHA256_SIZE + 1], sha256[2 * SHA256_SIZE + 1];
	JSON_AUTO *doc = NULL;
	json_t *image;
	int rc = make_uuid(sbom, uuid, err);

	if (rc != 0)
		return rc;
	format_time(sbom->recipe->timestamp, created);
	hex_encode(sbom->root_hash, SHA256_SIZE, root_hash);
	hex_encode(sbom->image_sha256, SHA256_SIZE, sha256);
	image = json_pack("{s:s, s:s, s:s, s:s, s:o, s:[{s:s, s:s}]}", "type", "operating-system",
		"bom-ref", "Image", "name", sbom->recipe->name, "version", root_hash, "hashes",
		cyclonedx_hashes(sha256), "properties", "name", "assay:root_hash", "value",
		root_hash);
	doc = json_pack("{s:s, s:s, s:s+, s:i, s:{s:s, s:{s:[{s:s, s:s, s:s}]}, s:o}, s:[], "
			"s:[{s:s, s:[]}]}",
		"bomFormat", "CycloneDX", "specVersion", "1.6", "serialNumber", "urn:uuid:", uuid,
		"version", 1, "metadata", "timestamp", created, "tools", "components", "type",
		"application", "name", "assay", "version", ASSAY_VERSION, "component", image,
		"components", "dependencies", "ref", "Image", "dependsOn");
	if (doc == NULL)
		return no_memory(err);
	rc = add_components(sbom, doc, cyclonedx_add, err);
	return rc != 0 ? rc : json_doc_write(doc, ret, err);
}

/* --- files --- */

/* JSON is UTF-8, file names are bytes: others are written as \xNN, and so are backslashes. */
static json_t *name_json(const char *text)
{
	BUF_AUTO escaped = {0};
	json_t *plain = strchr(text, '\\') == NULL ? json_string(text) : NULL;

	if (plain != NULL)
		return plain;
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at >= 0x80 || *at == '\\')
			buf_fmt(&escaped, "\\x%02x", *at);
		else
			buf_add(&escaped, at, 1);
	}
	return escaped.bad ? NULL : json_string(buf_cstr(&escaped));
}

static json_t *xattrs_json(const struct tree_inode *inode)
{
	json_t *obj = json_object();

	for (size_t i = 0; i < inode->xattr_count; i++) {
		if (json_object_set_new(obj, inode->xattrs[i].name,
			    json_doc_hex_new(
				    inode->xattrs[i].value, inode->xattrs[i].size_bytes)) != 0) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

/* What belongs to a type alone. */
static int add_details(
	const struct sbom *sbom, const struct tree_inode *inode, json_t *file, struct err *err)
{
	int rc = 0;

	if (inode->type == TREE_FILE) {
		rc = set(file, "sha256",
			json_doc_hex_new(digests_find(sbom->digests, inode), SHA256_SIZE), err);
		if (rc == 0)
			rc = set(file, "size_bytes",
				json_integer((json_int_t)inode->content.size_bytes), err);
	}
	if (inode->type == TREE_SYMLINK)
		rc = set(file, "target", name_json(inode->target), err);
	if (inode->type == TREE_CHR || inode->type == TREE_BLK)
		rc = set(file, "device",
			json_sprintf("%u:%u", inode->rdev_major, inode->rdev_minor), err);
	if (rc == 0 && inode->xattr_count > 0)
		rc = set(file, "xattrs", xattrs_json(inode), err);
	return rc;
}

/* [[first, count], ...] */
static int add_blocks(
	const struct runs *runs, const struct tree_inode *inode, json_t *file, struct err *err)
{
	size_t n;
	const struct run *run = runs_find(runs, inode, &n);
	json_t *list = n > 0 ? json_array() : NULL;
	int rc = n > 0 ? set(file, "blocks", list, err) : 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = append(list,
			json_pack("[I, I]", (json_int_t)run[i].first, (json_int_t)run[i].count),
			err);
	return rc;
}

static int add_file(
	const struct sbom *sbom, const struct tree_node *node, json_t *files, struct err *err)
{
	static const char *const types[] = {
		[TREE_FILE] = "file",
		[TREE_DIR] = "directory",
		[TREE_SYMLINK] = "symlink",
		[TREE_CHR] = "character-device",
		[TREE_BLK] = "block-device",
		[TREE_FIFO] = "fifo",
		[TREE_SOCK] = "socket",
	};
	const struct tree_inode *inode = node->inode;
	char path[TREE_PATH_MAX + 2] = "/";
	json_t *file = json_object();
	int rc = append(files, file, err);

	tree_path(node, path + 1);
	if (rc == 0)
		rc = set(file, "path", name_json(path), err);
	if (rc == 0)
		rc = set(file, "type", json_string(types[inode->type]), err);
	if (rc == 0)
		rc = set(file, "mode", json_sprintf("%04o", (unsigned)inode->mode), err);
	if (rc == 0)
		rc = set(file, "uid", json_integer(inode->uid), err);
	if (rc == 0)
		rc = set(file, "gid", json_integer(inode->gid), err);
	if (rc == 0 && inode->origin[0] != '\0')
		rc = set(file, "origin", name_json(inode->origin), err);
	if (rc == 0)
		rc = add_blocks(sbom->runs, inode, file, err);
	return rc != 0 ? rc : add_details(sbom, inode, file, err);
}

int sbom_files(const struct sbom *sbom, const struct tree *tree, struct buf *ret, struct err *err)
{
	char root_hash[2 * SHA256_SIZE + 1];
	JSON_AUTO *doc = NULL;
	json_t *files = json_array();

	hex_encode(sbom->root_hash, SHA256_SIZE, root_hash);
	doc = json_pack("{s:s, s:s, s:s, s:o}", "schema", SBOM_FILES_SCHEMA, "name",
		sbom->recipe->name, "root_hash", root_hash, "files", files);
	if (doc == NULL)
		return no_memory(err);
	tree_for_each (tree, node) {
		int rc = add_file(sbom, node, files, err);

		if (rc != 0)
			return rc;
	}
	return json_doc_write(doc, ret, err);
}
