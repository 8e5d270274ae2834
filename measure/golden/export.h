/*
 * Exporters: the tuples of a golden document in the form that a verifier reads. One row of the table in export.c each;
 * most forms are one file, some are several.
 */
#ifndef MEASURE_GOLDEN_EXPORT_H
#define MEASURE_GOLDEN_EXPORT_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "measure/golden/golden-doc.h"
#include "measure/golden/golden.h"
#include "measure/warn.h"

struct export_request {
	const struct golden_doc *doc;
	unsigned tees; /* set by export_write: the families that the form can hold */
	bool has_tee;  /* else both families, where the form holds both */
	enum golden_tee tee;
	const char *role, *tuple;  /* only these; NULL: all */
	const char *build;	   /* directory of the build; NULL: not given */
	const char *kata_version;  /* for the Kata guest manifest; NULL: not given */
	const char *variant;	   /* likewise */
	const char *key;	   /* path of a private key, to sign a CoRIM; NULL: unsigned */
	const char *rtmr3;	   /* C8s policy: as of export_c8s_rtmr3; NULL: zeros */
	const char *image_version; /* of dstack's metadata.json; NULL: none in it */
	const char *key_provider;  /* dstack: hex of the SHA-256 of the event; NULL: not known */
	const char *const *apps;   /* dstack: APP-ID=COMPOSE-HASH in hex, borrowed */
	size_t app_count;
	const char *commit; /* GCE: hex of what the firmware was built from; NULL: not known */
	const char *cert;   /* GCE: path of the signing key's certificate; NULL: none */
	struct warn *gaps;  /* what the form wants and nobody gave */
};

struct export_form {
	const char *name, *summary;
	unsigned tees; /* 1 << GOLDEN_SNP | 1 << GOLDEN_TDX: the families that it can hold */
	bool one_tee;  /* --tee is required: a document holds one family */
	int (*write)(
		const struct export_request *request, struct golden_outputs *ret, struct err *err);
};

extern const struct export_form export_forms[]; /* ends with a NULL name */

/* The form of that name; NULL when there is none. */
const struct export_form *export_form_find(const char *name);

/* Appends what @form makes of the document to @ret. -EINVAL when no tuple fits it. */
int export_write(const struct export_form *form, const struct export_request *request,
	struct golden_outputs *ret, struct err *err) MUST_CHECK;

/* --- for exporters --- */

/* Whether the tuple is asked for. */
bool export_wants(const struct export_request *request, const struct golden_entry *entry);

/* A new empty output; NULL (and -ENOMEM recorded) without memory. */
struct buf *export_file(struct golden_outputs *ret, const char *name, struct err *err);

/* Adds a JSON document as an output; takes over @doc, which may be NULL for lack of memory. */
int export_json(
	struct golden_outputs *ret, const char *name, json_t *doc, struct err *err) MUST_CHECK;

/* Reads the manifest of the build, which must be the one that the golden values are of: -EKEYREJECTED otherwise. */
int export_build_manifest(
	const struct export_request *request, json_t **ret, struct err *err) MUST_CHECK;

/* Appends @value to @list unless an equal one is there; takes it over. */
int export_append_once(json_t *list, json_t *value, struct err *err) MUST_CHECK;

/* The registers of a tuple by their names in golden documents: NULL ends. */
struct export_register {
	const char *name;
	const unsigned char *bytes;
	size_t size;
};

#define EXPORT_REGISTERS_MAX 8

/* Fills @ret with the pinned registers of a tuple, its anchor among them; returns how many. */
size_t export_registers(
	const struct golden_entry *entry, struct export_register ret[EXPORT_REGISTERS_MAX]);

int export_c8s_policy(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_c8s_measurements(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_c8s_rtmrs(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_c8s_helm(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_image_manifest(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_kata_guest(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_trustee(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_trustee_script(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_trustee_policy(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_corim(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_corim_amd(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_go_sev_guest(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_go_tdx_guest(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_dstack(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_dstack_auth(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_gce(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_contrast(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;
int export_csv(const struct export_request *request, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;

#endif
