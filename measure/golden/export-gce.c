/*
 * Launch endorsements as GCE publishes them: VMGoldenMeasurement, as the text and the binary form of Protocol Buffers, and
 * signed in a VMLaunchEndorsement (gce-tcb-verifier 0.3, proto/endorsement.proto).
 *
 * The message is of one firmware: launch digests by their number of vCPUs, and MRTDs by memory. Both forms are written
 * from the same calls, fields in the order of their numbers and the map in the order of its keys.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/profile-snp.h"
#include "measure/golden/endorse.h"
#include "measure/golden/export.h"

#define GIB	    (UINT64_C(1) << 30)
#define COMMIT_MAX  64 /* bytes */
#define FIELD_LARGE 15 /* the largest field number that all tags here have room for */

/* One message in both forms. */
struct message {
	struct buf text, binary;
	int depth;
};

static void message_done(struct message *message)
{
	buf_done(&message->text);
	buf_done(&message->binary);
}
#define MESSAGE_AUTO __attribute__((cleanup(message_done))) struct message

static void put_varint(struct buf *to, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		buf_add(to, &(unsigned char){(unsigned char)(0x80 | (value & 0x7f))}, 1);
	buf_add(to, &(unsigned char){(unsigned char)value}, 1);
}

static void put_tag(struct message *to, unsigned field, unsigned wire)
{
	_Static_assert(FIELD_LARGE << 3 <= 0x7f, "a tag is one byte");
	put_varint(&to->binary, field << 3 | wire);
}

static void put_name(struct message *to, const char *name)
{
	buf_fmt(&to->text, "%*s%s", 2 * to->depth, "", name);
}

/* A number; 0 is what an absent one means, and is left out. */
static void put_uint(struct message *to, unsigned field, const char *name, uint64_t value)
{
	if (value == 0)
		return;
	put_tag(to, field, 0);
	put_varint(&to->binary, value);
	put_name(to, name);
	buf_fmt(&to->text, ": %llu\n", (unsigned long long)value);
}

static void put_bytes(
	struct message *to, unsigned field, const char *name, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	put_tag(to, field, 2);
	put_varint(&to->binary, size);
	buf_add(&to->binary, bytes, size);
	put_name(to, name);
	buf_str(&to->text, ": \"");
	for (size_t i = 0; i < size; i++)
		buf_fmt(&to->text, "\\%03o", at[i]);
	buf_str(&to->text, "\"\n");
}

/* A message inside; takes its bytes over. */
static void put_message(struct message *to, unsigned field, const char *name, struct message *inner)
{
	put_tag(to, field, 2);
	put_varint(&to->binary, inner->binary.len);
	buf_add(&to->binary, inner->binary.data, inner->binary.len);
	put_name(to, name);
	buf_str(&to->text, " {\n");
	buf_add(&to->text, inner->text.data, inner->text.len);
	put_name(to, "}\n");
	to->binary.bad = to->binary.bad || inner->binary.bad;
	to->text.bad = to->text.bad || inner->text.bad;
}

/* --- the tuples --- */

/* The digest of the firmware that all tuples were measured with. */
struct firmware {
	const char *path; /* borrowed; NULL: none seen */
	unsigned char sha256[SHA256_SIZE];
};

static int same_firmware(
	const struct export_request *request, size_t i, struct firmware *firmware, struct err *err)
{
	const json_t *tuples = json_object_get(request->doc->json, "tuples");
	const json_t *inputs = json_object_get(json_array_get(tuples, i), "inputs");
	const json_t *input = json_object_get(inputs, "firmware");
	const char *name = request->doc->entries[i].name;
	unsigned char sha256[SHA256_SIZE];
	int rc;

	if (input == NULL)
		return err_fail(err, -EINVAL, "tuple %s: does not say what its firmware is", name);
	rc = json_doc_hex(input, name, "sha256", sha256, SHA256_SIZE, err);
	if (rc != 0)
		return rc;
	if (firmware->path != NULL && memcmp(sha256, firmware->sha256, SHA256_SIZE) != 0)
		return err_fail(err, -EINVAL,
			"tuple %s: another firmware, and the form is of one: choose by --tee, "
			"--role or --tuple",
			name);
	firmware->path = json_string_value(json_object_get(input, "path"));
	memcpy(firmware->sha256, sha256, SHA256_SIZE);
	return 0;
}

static int by_vcpus(const void *a, const void *b)
{
	const struct golden_entry *one = *(const struct golden_entry *const *)a;
	const struct golden_entry *two = *(const struct golden_entry *const *)b;

	return (one->vcpus > two->vcpus) - (one->vcpus < two->vcpus);
}

static int check_vmm(const struct golden_entry *entry, struct err *err)
{
	const struct snp_profile *profile;
	int rc = snp_profile_find(entry->vmm, &profile, err);

	if (rc == 0 && profile->vmsa.svsm)
		rc = err_fail(err, -ENOTSUP,
			"tuple %s: of a launch with an SVSM, which the form has another field for",
			entry->name);
	return rc;
}

/* The chosen SNP tuples in the order of their vCPUs, each count once. */
static int list_snp(const struct export_request *request, const struct golden_entry **list,
	size_t *ret_count, struct err *err)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		int rc;

		if (entry->tee != GOLDEN_SNP || !export_wants(request, entry))
			continue;
		rc = check_vmm(entry, err);
		if (rc != 0)
			return rc;
		if (entry->anchor.has)
			warn_add(request->gaps, "%s: the form does not hold its HOST_DATA",
				entry->name);
		list[count++] = entry;
	}
	qsort(list, count, sizeof(*list), by_vcpus);
	for (size_t i = 0; i < count; i++) {
		const struct golden_entry *last = kept > 0 ? list[kept - 1] : NULL;

		if (last != NULL && list[i]->guest_policy != last->guest_policy)
			return err_fail(err, -EINVAL,
				"tuples %s and %s: two guest policies, and the form has one",
				last->name, list[i]->name);
		if (last == NULL || list[i]->vcpus != last->vcpus)
			list[kept++] = list[i];
		else if (memcmp(list[i]->launch_digest, last->launch_digest, SHA384_SIZE) != 0)
			return err_fail(err, -EINVAL,
				"tuples %s and %s: two launch digests of %llu vCPUs, and the form "
				"has one",
				last->name, list[i]->name, (unsigned long long)last->vcpus);
	}
	*ret_count = kept;
	return 0;
}

static int put_snp(const struct export_request *request, struct message *to, struct err *err)
{
	const struct golden_entry **list AUTO_FREE = calloc(request->doc->count + 1, sizeof(*list));
	MESSAGE_AUTO snp = {.depth = to->depth + 1};
	size_t count;
	int rc = list == NULL ? err_fail(err, -ENOMEM, "out of memory")
			      : list_snp(request, list, &count, err);

	if (rc != 0 || count == 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		MESSAGE_AUTO entry = {.depth = snp.depth + 1};

		put_uint(&entry, 1, "key", list[i]->vcpus);
		put_bytes(&entry, 2, "value", list[i]->launch_digest, SHA384_SIZE);
		put_message(&snp, 2, "measurements", &entry);
	}
	put_uint(&snp, 5, "policy", list[0]->guest_policy);
	put_message(to, 7, "sev_snp", &snp);
	return 0;
}

/* Memory of a TDX tuple in GiB; 0 when its MRTD does not depend on it. */
static int read_ram(const struct export_request *request, size_t i, uint64_t *ret, struct err *err)
{
	const json_t *tuples = json_object_get(request->doc->json, "tuples");
	const json_t *shape = json_object_get(json_array_get(tuples, i), "shape");
	uint64_t bytes = (uint64_t)json_integer_value(json_object_get(shape, "memory_bytes"));

	if (bytes % GIB != 0 || bytes / GIB > UINT32_MAX)
		return err_fail(err, -EINVAL,
			"tuple %s: its memory is not a whole number of GiB, and the form has GiB",
			request->doc->entries[i].name);
	*ret = bytes / GIB;
	return 0;
}

static int put_tdx(const struct export_request *request, struct message *to, struct err *err)
{
	MESSAGE_AUTO tdx = {.depth = to->depth + 1};
	size_t count = 0;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		MESSAGE_AUTO measurement = {.depth = tdx.depth + 1};
		uint64_t ram;
		int rc;

		if (entry->tee != GOLDEN_TDX || !export_wants(request, entry))
			continue;
		rc = read_ram(request, i, &ram, err);
		if (rc != 0)
			return rc;
		if (entry->anchor.has)
			warn_add(request->gaps, "%s: the form does not hold its MRCONFIGID",
				entry->name);
		put_uint(&measurement, 1, "ram_gib", ram);
		put_bytes(&measurement, 3, "mrtd", entry->mrtd, SHA384_SIZE);
		put_message(&tdx, 2, "measurements", &measurement);
		count++;
	}
	if (count > 0)
		put_message(to, 8, "tdx", &tdx);
	return 0;
}

/* --- what stands around them --- */

static void put_gap(const struct export_request *request, struct message *to, const char *field,
	const char *option)
{
	buf_fmt(&to->text, "# GAP: %s\n", field);
	warn_add(request->gaps, "%s: not given (%s)", field, option);
}

static int put_commit(const struct export_request *request, struct message *to, struct err *err)
{
	unsigned char commit[COMMIT_MAX];
	size_t digits = request->commit != NULL ? strlen(request->commit) : 0;

	if (request->commit == NULL) {
		put_gap(request, to, "commit", "--commit");
		return 0;
	}
	if (digits / 2 > COMMIT_MAX || !hex_decode(request->commit, commit, digits / 2))
		return err_fail(err, -EINVAL, "--commit: not at most %d bytes in hex", COMMIT_MAX);
	put_bytes(to, 3, "commit", commit, digits / 2);
	return 0;
}

static int put_cert(
	const struct export_request *request, struct message *to, struct buf *cert, struct err *err)
{
	int rc;

	if (request->cert == NULL) {
		put_gap(request, to, "cert", "--cert");
		return 0;
	}
	rc = endorse_certificate(request->cert, cert, err);
	if (rc == 0)
		put_bytes(to, 4, "cert", cert->data, cert->len);
	return rc;
}

/* SHA-384 of the firmware, which must be the file that was measured. */
static int put_digest(const struct export_request *request, const struct firmware *firmware,
	struct message *to, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	struct golden_part part = {.path = NULL};
	JSON_AUTO *manifest = NULL;
	uint64_t size;
	int rc;

	if (request->build == NULL || firmware->path == NULL) {
		put_gap(request, to, "digest", "--build");
		return 0;
	}
	rc = export_build_manifest(request, &manifest, err);
	if (rc == 0)
		rc = golden_part(request->build, manifest, firmware->path, &part, err);
	if (rc == 0 && memcmp(part.sha256, firmware->sha256, SHA256_SIZE) != 0)
		rc = err_fail(err, -EKEYREJECTED, "%s: not the firmware that was measured",
			firmware->path);
	if (rc == 0)
		rc = io_digest_file(part.path, DIGEST_SHA384, digest, &size, err);
	free(part.path);
	if (rc == 0)
		put_bytes(to, 5, "digest", digest, SHA384_SIZE);
	return rc;
}

static int make_golden(
	const struct export_request *request, struct message *to, struct buf *cert, struct err *err)
{
	struct firmware firmware = {.path = NULL};
	MESSAGE_AUTO timestamp = {.depth = 1};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		if (export_wants(request, &request->doc->entries[i]))
			rc = same_firmware(request, i, &firmware, err);
	}
	if (rc != 0)
		return rc;
	buf_str(&to->text, "# proto-file: proto/endorsement.proto\n"
			   "# proto-message: cloud_vmm_proto.VMGoldenMeasurement\n");
	put_uint(&timestamp, 1, "seconds", request->doc->timestamp);
	put_message(to, 1, "timestamp", &timestamp);
	rc = put_commit(request, to, err);
	if (rc == 0)
		rc = put_cert(request, to, cert, err);
	if (rc == 0)
		rc = put_digest(request, &firmware, to, err);
	if (rc == 0)
		rc = put_snp(request, to, err);
	if (rc == 0)
		rc = put_tdx(request, to, err);
	if (rc == 0)
		rc = buf_check(&to->text, err);
	return rc == 0 ? buf_check(&to->binary, err) : rc;
}

static int put_file(
	struct golden_outputs *ret, const char *name, const struct buf *bytes, struct err *err)
{
	struct buf *out = export_file(ret, name, err);

	if (out == NULL)
		return -ENOMEM;
	buf_add(out, bytes->data, bytes->len);
	return buf_check(out, err);
}

/* VMLaunchEndorsement: serialized_uefi_golden and the signature over it. */
static int put_endorsement(const struct export_request *request, const struct message *golden,
	const struct buf *cert, struct golden_outputs *ret, struct err *err)
{
	MESSAGE_AUTO endorsement = {.depth = 0};
	BUF_AUTO signature = {0};
	int rc;

	if (request->cert == NULL)
		return err_fail(err, -EINVAL, "--key: needs the key's certificate, --cert");
	rc = endorse_sign(
		request->key, cert, golden->binary.data, golden->binary.len, &signature, err);
	if (rc != 0)
		return rc;
	put_bytes(
		&endorsement, 1, "serialized_uefi_golden", golden->binary.data, golden->binary.len);
	put_bytes(&endorsement, 2, "signature", signature.data, signature.len);
	return put_file(ret, "launch_endorsement.binarypb", &endorsement.binary, err);
}

int export_gce(const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	MESSAGE_AUTO golden = {.depth = 0};
	BUF_AUTO cert = {0};
	int rc = make_golden(request, &golden, &cert, err);

	if (rc == 0)
		rc = put_file(ret, "golden_measurement.binarypb", &golden.binary, err);
	if (rc == 0)
		rc = put_file(ret, "golden_measurement.textproto", &golden.text, err);
	if (rc == 0 && request->key != NULL)
		rc = put_endorsement(request, &golden, &cert, ret, err);
	return rc;
}
