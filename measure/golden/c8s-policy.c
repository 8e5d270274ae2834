/* The strict reader of C8s image policies (c8s-policy.h). */
#include "measure/golden/c8s-policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/hex.h"
#include "lib/json.h"

#define AT_MAX 64 /* of a JSON path */

/* What an image is told apart by: equal keys are equal tuples. */
struct image_key {
	unsigned char digest[SHA384_SIZE];
	unsigned char pinned[GOLDEN_RTMRS];
	unsigned char rtmr[GOLDEN_RTMRS][SHA384_SIZE];
};

struct image {
	struct image_key key;
	const char *name; /* borrowed */
	size_t index;
};

static const char *const doc_keys[] = {"schema_version", "tee", "measurements", NULL};
static const char *const snp_keys[] = {"name", "measurement", NULL};
static const char *const tdx_keys[] = {"name", "mrtd", "rtmr", NULL};

/* Bytes of the space at @text in UTF-8, as Go's strings.TrimSpace takes spaces; 0 for anything else. */
static size_t space_at(const char *text)
{
	static const char *const spaces[] = {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

	if (*text == ' ' || (*text >= '\t' && *text <= '\r'))
		return 1;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (strncmp(text, spaces[i], strlen(spaces[i])) == 0)
			return strlen(spaces[i]);
	/* U+2000 to U+200A */
	if (strncmp(text, "\xe2\x80", 2) == 0 && (unsigned char)text[2] >= 0x80 &&
		(unsigned char)text[2] <= 0x8a)
		return 3;
	return 0;
}

static bool is_blank(const char *text)
{
	size_t n = 1;

	while (*text != '\0' && n != 0) {
		n = space_at(text);
		text += n;
	}
	return *text == '\0';
}

/* --- one image --- */

static int read_rtmr(
	const json_t *value, size_t index, const char *at, struct image_key *key, struct err *err)
{
	const char *text = json_string_value(value);

	if (json_is_null(value))
		return 0;
	if (index == 0)
		return err_fail(err, -EBADMSG,
			"%s.rtmr[0]: must be null: it depends on vCPUs and memory", at);
	key->pinned[index] = 1;
	/* "" stands for zeros. */
	if (text == NULL || (*text != '\0' && !hex_decode(text, key->rtmr[index], SHA384_SIZE)))
		return err_fail(err, -EBADMSG,
			"%s.rtmr[%zu]: not null, \"\" or %d lowercase hex digits", at, index,
			2 * SHA384_SIZE);
	return 0;
}

static int read_rtmrs(const json_t *image, const char *at, struct image_key *key, struct err *err)
{
	json_t *list;
	int rc;

	if (json_object_get(image, "rtmr") == NULL)
		return 0;
	rc = json_doc_array(image, at, "rtmr", &list, err);
	if (rc == 0 && json_array_size(list) > GOLDEN_RTMRS)
		return err_fail(err, -EBADMSG, "%s.rtmr: %zu registers, at most %d", at,
			json_array_size(list), GOLDEN_RTMRS);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
		rc = read_rtmr(json_array_get(list, i), i, at, key, err);
	return rc;
}

static int read_image(const json_t *json, enum golden_tee tee, struct image *image, struct err *err)
{
	bool tdx = tee == GOLDEN_TDX;
	char at[AT_MAX];
	int rc;

	snprintf(at, sizeof(at), "$.measurements[%zu]", image->index);
	rc = json_doc_only(json, at, tdx ? tdx_keys : snp_keys, err);
	if (rc == 0)
		rc = json_doc_str(json, at, "name", &image->name, err);
	if (rc == 0 && is_blank(image->name))
		return err_fail(err, -EBADMSG, "%s.name: blank", at);
	if (rc == 0)
		rc = json_doc_hex(json, at, tdx ? "mrtd" : "measurement", image->key.digest,
			SHA384_SIZE, err);
	return rc == 0 && tdx ? read_rtmrs(json, at, &image->key, err) : rc;
}

/* --- all of them --- */

static int by_key(const void *a, const void *b)
{
	return memcmp(&((const struct image *)a)->key, &((const struct image *)b)->key,
		sizeof(struct image_key));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct image *)a)->name, ((const struct image *)b)->name);
}

static int check_repetitions(struct image *images, size_t count, struct err *err)
{
	qsort(images, count, sizeof(*images), by_name);
	for (size_t i = 1; i < count; i++)
		if (by_name(&images[i - 1], &images[i]) == 0)
			return err_fail(err, -EBADMSG, "$.measurements: two images of one name: %s",
				images[i].name);
	qsort(images, count, sizeof(*images), by_key);
	for (size_t i = 1; i < count; i++)
		if (by_key(&images[i - 1], &images[i]) == 0)
			return err_fail(err, -EBADMSG,
				"$.measurements: images %s and %s have the same values",
				images[i - 1].name, images[i].name);
	return 0;
}

static int read_images(const json_t *list, struct c8s_policy_facts *facts, struct err *err)
{
	size_t count = json_array_size(list);
	struct image *images AUTO_FREE = calloc(count + 1, sizeof(*images));
	int rc = 0;

	if (images == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < count; i++) {
		images[i].index = i;
		rc = read_image(json_array_get(list, i), facts->tee, &images[i], err);
		if (facts->tee == GOLDEN_TDX &&
			(!images[i].key.pinned[1] || !images[i].key.pinned[2]))
			facts->loose++;
	}
	facts->images = count;
	return rc == 0 ? check_repetitions(images, count, err) : rc;
}

static int read_doc(const json_t *json, struct c8s_policy_facts *facts, struct err *err)
{
	const char *version, *tee;
	json_t *list;
	int rc = json_doc_only(json, "$", doc_keys, err);

	if (rc == 0)
		rc = json_doc_str(json, "$", "schema_version", &version, err);
	if (rc == 0 && strcmp(version, "1") != 0)
		return err_fail(err, -ENOTSUP, "$.schema_version: %s, not 1", version);
	if (rc == 0)
		rc = json_doc_str(json, "$", "tee", &tee, err);
	if (rc == 0)
		rc = json_doc_array(json, "$", "measurements", &list, err);
	if (rc != 0)
		return rc;
	facts->tee = strcmp(tee, golden_tee_name(GOLDEN_TDX)) == 0 ? GOLDEN_TDX : GOLDEN_SNP;
	if (strcmp(tee, golden_tee_name(facts->tee)) != 0)
		return err_fail(err, -EBADMSG, "$.tee: %s, not sev-snp or tdx", tee);
	if (json_array_size(list) == 0)
		return err_fail(err, -EBADMSG, "$.measurements: empty, which pins nothing");
	return read_images(list, facts, err);
}

int c8s_policy_check(const void *text, size_t len, const char *what, struct c8s_policy_facts *ret,
	struct err *err)
{
	struct c8s_policy_facts facts = {.images = 0};
	JSON_AUTO *json = NULL;
	int rc = json_doc_parse(text, len, what, &json, err);

	if (rc != 0)
		return rc;
	rc = read_doc(json, &facts, err);
	if (rc != 0)
		return err_wrap(err, "%s", what);
	*ret = facts;
	return 0;
}
