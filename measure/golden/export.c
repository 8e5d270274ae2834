/* The table of exporters, and what they share (export.h). */
#define _GNU_SOURCE
#include "measure/golden/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/golden/export-c8s.h"

#define SNP  (1u << GOLDEN_SNP)
#define TDX  (1u << GOLDEN_TDX)
#define BOTH (SNP | TDX)

const struct export_form export_forms[] = {
	{"c8s", "C8s image policy (--image-policy-file)", BOTH, true, export_c8s_policy},
	{"c8s-measurements", "C8s list of launch digests (--measurements-file)", BOTH, true,
		export_c8s_measurements},
	{"c8s-rtmrs", "C8s RTMR pins (--rtmrs)", TDX, true, export_c8s_rtmrs},
	{"c8s-helm", "C8s Helm values", BOTH, true, export_c8s_helm},
	{"image-manifest", "C8s image manifest v3 (--image-manifest)", BOTH, false,
		export_image_manifest},
	{"kata-guest", "Kata guest manifest v2 of C8s, and its side files", BOTH, false,
		export_kata_guest},
	{"trustee", "Trustee: RVPS messages for the default policies", BOTH, false, export_trustee},
	{"trustee-script", "Trustee: the same as kbs-client commands", BOTH, false,
		export_trustee_script},
	{"trustee-policy", "Trustee: a policy that matches whole tuples", BOTH, false,
		export_trustee_policy},
	{"dstack", "dstack: measurement documents, sha256sum.txt, digest.txt of an image", BOTH,
		false, export_dstack},
	{"dstack-auth", "dstack: the allow list of auth-simple and dstack-auth", BOTH, false,
		export_dstack_auth},
	{"contrast", "Contrast reference values", BOTH, false, export_contrast},
	{"corim", "CoRIM in Trustee's subset; --key signs it (COSE_Sign1)", BOTH, false,
		export_corim},
	{"corim-amd", "CoRIM in AMD's SEV-SNP profile; --key signs it", SNP, false,
		export_corim_amd},
	{"go-sev-guest", "check.Config of go-sev-guest, a file for each tuple", SNP, false,
		export_go_sev_guest},
	{"go-tdx-guest", "checkconfig.Config of go-tdx-guest, a file for each tuple", TDX, false,
		export_go_tdx_guest},
	{"gce", "VMGoldenMeasurement of gce-tcb-verifier; --key and --cert endorse it", BOTH, false,
		export_gce},
	{"csv", "one line for each register", BOTH, false, export_csv},
	{.name = NULL},
};

const struct export_form *export_form_find(const char *name)
{
	const struct export_form *form = export_forms;

	while (form->name != NULL && strcmp(form->name, name) != 0)
		form++;
	return form->name != NULL ? form : NULL;
}

bool export_wants(const struct export_request *request, const struct golden_entry *entry)
{
	return (request->tees & 1u << entry->tee) != 0 &&
	       (!request->has_tee || entry->tee == request->tee) &&
	       (request->role == NULL ||
		       (entry->role != NULL && strcmp(entry->role, request->role) == 0)) &&
	       (request->tuple == NULL || strcmp(entry->name, request->tuple) == 0);
}

int export_write(const struct export_form *form, const struct export_request *request,
	struct golden_outputs *ret, struct err *err)
{
	struct export_request own = *request;
	size_t wanted = 0;

	own.tees = form->tees;
	if (form->one_tee && !request->has_tee)
		return err_fail(
			err, -EINVAL, "--tee: required, a document of this form holds one TEE");
	if (request->has_tee && (form->tees & 1u << request->tee) == 0)
		return err_fail(err, -EINVAL, "%s: not a form for %s", form->name,
			golden_tee_name(request->tee));
	for (size_t i = 0; i < request->doc->count; i++)
		wanted += export_wants(&own, &request->doc->entries[i]);
	if (wanted == 0)
		return err_fail(err, -EINVAL, "no tuple in the document fits");
	return form->write(&own, ret, err);
}

struct buf *export_file(struct golden_outputs *ret, const char *name, struct err *err)
{
	struct golden_output *items = realloc(ret->items, (ret->count + 1) * sizeof(*items));
	char *copy = strdup(name);

	if (items != NULL) {
		ret->items = items;
		ret->cap = ret->count + 1;
	}
	if (items == NULL || copy == NULL) {
		free(copy);
		(void)!err_fail(err, -ENOMEM, "out of memory");
		return NULL;
	}
	items[ret->count] = (struct golden_output){.name = copy};
	return &items[ret->count++].bytes;
}

int export_json(struct golden_outputs *ret, const char *name, json_t *doc, struct err *err)
{
	JSON_AUTO *owned = doc;
	struct buf *out = export_file(ret, name, err);

	if (out == NULL || owned == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return json_doc_write(owned, out, err);
}

int export_append_once(json_t *list, json_t *value, struct err *err)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
	{
		if (value != NULL && json_equal(other, value)) {
			json_decref(value);
			return 0;
		}
	}
	return json_array_append_new(list, value) == 0 ? 0
						       : err_fail(err, -ENOMEM, "out of memory");
}

size_t export_registers(
	const struct golden_entry *entry, struct export_register ret[EXPORT_REGISTERS_MAX])
{
	static const char *const rtmrs[GOLDEN_RTMRS] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	size_t n = 0;

	if (entry->tee == GOLDEN_SNP) {
		ret[n++] = (struct export_register){
			"launch_digest", entry->launch_digest, SHA384_SIZE};
		if (entry->anchor.has)
			ret[n++] = (struct export_register){
				"host_data", entry->anchor.bytes, SHA256_SIZE};
		return n;
	}
	ret[n++] = (struct export_register){"mrtd", entry->mrtd, SHA384_SIZE};
	for (int i = 0; i < GOLDEN_RTMRS; i++) {
		if (entry->rtmr[i].has)
			ret[n++] = (struct export_register){
				rtmrs[i], entry->rtmr[i].bytes, SHA384_SIZE};
	}
	if (entry->anchor.has)
		ret[n++] = (struct export_register){"mrconfigid", entry->anchor.bytes, SHA384_SIZE};
	return n;
}

int export_build_manifest(const struct export_request *request, json_t **ret, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	BUF_AUTO text = {0};
	char *path AUTO_FREE = NULL;
	int rc;

	if (asprintf(&path, "%s/manifest.json", request->build) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_read_file(path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text.data, text.len, digest, err);
	if (rc == 0 && memcmp(digest, request->doc->manifest_sha256, SHA256_SIZE) != 0)
		rc = err_fail(
			err, -EKEYREJECTED, "%s: the golden values are of another build", path);
	return rc == 0 ? json_doc_parse(text.data, text.len, path, ret, err) : rc;
}
