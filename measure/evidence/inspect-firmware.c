/* assay inspect: firmware images, by their GUID table, metadata and volumes. */
#include <string.h>

#include "formats/ffs.h"
#include "formats/ovmf.h"
#include "formats/tdvf.h"
#include "formats/varstore.h"
#include "lib/digest.h"
#include "lib/rd.h"
#include "measure/amd/profile-firmware.h"
#include "measure/amd/snp-image.h"
#include "measure/evidence/inspect.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/mrtd.h"
#include "measure/tdx/td-shim-image.h"

#define AT_VOLUME_MAGIC 40
#define FOOTER_FROM_END 48
#define FIRMWARE_MAX	(64u << 20)

bool inspect_is_firmware(const struct inspect_file *file)
{
	struct rd head = rd_init(file->head, file->head_len);
	struct rd tail = rd_init(file->tail, file->tail_len);
	struct rd magic = rd_at(&head, AT_VOLUME_MAGIC, 4);
	struct rd footer = rd_at(&tail, file->tail_len - FOOTER_FROM_END, GUID_SIZE);

	return file->size_bytes <= FIRMWARE_MAX &&
	       ((!magic.bad && memcmp(magic.base, "_FVH", 4) == 0) ||
		       (file->tail_len >= FOOTER_FROM_END && !footer.bad &&
			       guid_is(footer.base, OVMF_GUID_FOOTER)));
}

/* --- the GUIDed table --- */

static const char *entry_name(const struct guid *guid)
{
	static const struct {
		const char *guid, *name;
	} names[] = {{OVMF_GUID_FOOTER, "footer"}, {OVMF_GUID_SEV_RESET, "sev-reset"},
		{OVMF_GUID_SEV_HASHES, "sev-kernel-hashes"},
		{OVMF_GUID_SEV_METADATA, "sev-metadata"}, {OVMF_GUID_SEV_SECRET, "sev-secret"},
		{OVMF_GUID_IGVM_METADATA, "igvm-metadata"}, {OVMF_GUID_SVSM_INFO, "svsm-info"},
		{OVMF_GUID_TDX_METADATA, "tdx-metadata"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (guid_is(guid->bytes, names[i].guid))
			return names[i].name;
	return "unknown";
}

static int add_table(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct ovmf_table table;
	int rc = ovmf_table_parse(file->data, file->len, &table, err);

	for (size_t i = 0; rc == 0 && i < table.count; i++) {
		json_t *row = inspect_append(doc, "table");
		char text[GUID_TEXT_MAX];

		guid_format(&table.entries[i].guid, text);
		rc = inspect_set(row, "guid", json_string(text), err);
		if (rc == 0)
			rc = inspect_set(
				row, "name", json_string(entry_name(&table.entries[i].guid)), err);
		if (rc == 0)
			rc = inspect_u64(row, "size_bytes", table.entries[i].size_bytes, err);
	}
	return rc;
}

/* --- SEV --- */

static int add_sev_sections(const struct sevmeta *meta, json_t *sev, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < meta->count; i++) {
		const struct sevmeta_section *section = &meta->sections[i];
		json_t *row = inspect_append(sev, "section");

		rc = inspect_set(row, "type", json_string(sevmeta_type_name(section->type)), err);
		if (rc == 0)
			rc = inspect_bits(row, "gpa", section->gpa, err);
		if (rc == 0)
			rc = inspect_bits(row, "size", section->size_bytes, err);
	}
	return rc;
}

static int add_sev(const struct inspect_file *file, json_t *doc, struct err *err)
{
	SNP_IMAGE_AUTO image = {.from_file = false};
	struct err why = {0};
	json_t *sev;
	int rc;

	if (file->size_bytes % SNP_PAGE_SIZE != 0)
		return 0;
	if (snp_image_read(file->path, &image, &why) != 0)
		return inspect_str(doc, "sev_unreadable", why.msg, strlen(why.msg), err);
	if (image.facts.reset_eip == 0 && !image.facts.has_metadata)
		return 0;
	sev = inspect_object(doc, "sev");
	rc = inspect_bits(sev, "reset_eip", image.facts.reset_eip, err);
	if (rc == 0 && image.facts.hash_table_gpa != 0)
		rc = inspect_bits(sev, "hash_table_gpa", image.facts.hash_table_gpa, err);
	if (rc == 0 && image.facts.hash_table_gpa != 0)
		rc = inspect_bits(sev, "hash_table_size", image.facts.hash_table_size, err);
	if (rc == 0)
		rc = add_sev_sections(&image.facts.meta, sev, err);
	if (rc == 0)
		rc = inspect_hex(sev, "digest_after_pages", image.seed, sizeof(image.seed), err);
	return rc;
}

/* --- TDX --- */

static int add_tdx_section(const struct tdvf_section *section, json_t *tdx, struct err *err)
{
	static const struct inspect_bit attributes[] = {{0, "extend"}, {1, "aug"}};
	json_t *row = inspect_append(tdx, "section");
	int rc = inspect_set(row, "type", json_string(tdvf_type_name(section->type)), err);

	if (rc == 0)
		rc = inspect_bits(row, "data", section->data_offset, err);
	if (rc == 0)
		rc = inspect_bits(row, "data_size", section->raw_size, err);
	if (rc == 0)
		rc = inspect_bits(row, "gpa", section->gpa, err);
	if (rc == 0)
		rc = inspect_bits(row, "size", section->mem_size, err);
	return rc != 0 ? rc
		       : inspect_flags(row, "attributes", section->attributes, attributes, 2, err);
}

/* MRTD of the image alone, in one of both orders. */
static int add_mrtd(const struct inspect_file *file, const struct tdvf *tdvf, const char *key,
	enum mrtd_order order, json_t *tdx, struct err *err)
{
	const struct mrtd_build build = {.order = order};
	unsigned char value[SHA384_SIZE];
	struct err why = {0};

	if (mrtd_compute(file->data, file->len, tdvf, &build, NULL, value, &why) != 0)
		return inspect_str(tdx, "mrtd_unknown", why.msg, strlen(why.msg), err);
	return inspect_hex(tdx, key, value, sizeof(value), err);
}

static int add_tdx(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct tdvf tdvf;
	struct err why = {0};
	json_t *tdx;
	int rc = 0;

	if (tdvf_parse(file->data, file->len, &tdvf, &why) != 0)
		return inspect_str(doc, "no_tdx", why.msg, strlen(why.msg), err);
	tdx = inspect_object(doc, "tdx");
	for (size_t i = 0; rc == 0 && i < tdvf.count; i++)
		rc = add_tdx_section(&tdvf.sections[i], tdx, err);
	if (rc == 0)
		rc = add_mrtd(file, &tdvf, "mrtd_single", MRTD_SINGLE, tdx, err);
	if (rc == 0)
		rc = add_mrtd(file, &tdvf, "mrtd_two", MRTD_TWO, tdx, err);
	return rc;
}

/* --- volumes --- */

static int add_generation(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct generation generation;
	struct err why = {0};
	json_t *row;
	int rc;

	if (generation_detect(file->data, file->len, &generation, &why) != 0)
		return inspect_str(doc, "generation_unknown", why.msg, strlen(why.msg), err);
	row = inspect_object(doc, "uefi");
	rc = inspect_set(row, "generation", json_string(generation.name), err);
	if (rc == 0)
		rc = inspect_bool(row, "measures_into_rtmrs", generation.cc_measurement, err);
	if (rc == 0)
		rc = inspect_bool(row, "boots_kernels", generation.direct_boot, err);
	if (rc == 0)
		rc = inspect_bool(row, "secure_boot", generation.secure_boot, err);
	return rc;
}

/* What td-shim would boot: its volumes are of its own kind. */
static int add_td_shim(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct td_shim_payload payload;
	unsigned char digest[SHA384_SIZE];
	struct err why = {0};
	json_t *row;
	int rc;

	if (td_shim_payload_find(file->data, file->len, &payload, &why) != 0)
		return 0;
	rc = digest_bytes(DIGEST_SHA384, payload.program.data, payload.program.len, digest, err);
	row = inspect_object(doc, "td_shim_payload");
	if (rc == 0)
		rc = inspect_u64(row, "size_bytes", payload.program.len, err);
	if (rc == 0)
		rc = inspect_hex(row, "sha384", digest, sizeof(digest), err);
	if (rc == 0)
		rc = inspect_bool(row, "signed", payload.is_signed, err);
	return rc == 0 && payload.is_signed ? inspect_u64(row, "svn", payload.svn, err) : rc;
}

/* One line of the listing: GUID, type, bytes, name. */
static int list_file(const struct ffs_file *file, json_t *list, struct err *err)
{
	char guid[GUID_TEXT_MAX];

	guid_format(&file->guid, guid);
	return json_array_append_new(
		       list, json_sprintf("%s 0x%02x %zu %s", guid, file->type, file->len,
				     file->name[0] != '\0' ? file->name : "-")) == 0
		       ? 0
		       : err_fail(err, -ENOMEM, "out of memory");
}

static int add_volumes(const struct inspect_file *file, json_t *doc, struct err *err)
{
	FFS_AUTO ffs = {.files = NULL};
	struct err why = {0};
	json_t *list;
	int rc;

	if (ffs_parse(file->data, file->len, &ffs, &why) != 0)
		return inspect_str(doc, "volumes_unreadable", why.msg, strlen(why.msg), err);
	rc = inspect_u64(doc, "modules", ffs.count, err);
	if (rc != 0 || !file->list)
		return rc;
	list = json_array();
	rc = inspect_set(doc, "files", list, err);
	for (size_t i = 0; rc == 0 && i < ffs.count; i++)
		rc = list_file(&ffs.files[i], list, err);
	return rc;
}

/* The variables in the configuration volume: the one that TDX metadata name, else the image's start. */
static int add_variables(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct rd whole = rd_init(file->data, file->len);
	const struct tdvf_section *cfv;
	struct rd volume = whole;
	struct varstore store;
	struct tdvf tdvf;
	struct err why = {0};
	int rc = 0;

	if (tdvf_parse(file->data, file->len, &tdvf, &why) == 0) {
		cfv = tdvf_find(&tdvf, TDVF_CFV);
		if (cfv == NULL)
			return 0;
		volume = rd_at(&whole, cfv->data_offset, cfv->raw_size);
	}
	if (volume.bad || varstore_parse(volume.base, volume.len, &store, &why) != 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < store.count; i++) {
		json_t *row = inspect_append(doc, "variable");

		rc = inspect_set(row, "name", json_string(store.variables[i].name), err);
		if (rc == 0)
			rc = inspect_u64(row, "size_bytes", store.variables[i].size_bytes, err);
	}
	return rc;
}

int inspect_firmware(const struct inspect_file *file, json_t *doc, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	const char *build;
	int rc = digest_bytes(DIGEST_SHA256, file->data, file->len, digest, err);

	if (rc != 0)
		return rc;
	build = firmware_known(digest);
	if (build != NULL)
		rc = inspect_set(doc, "build", json_string(build), err);
	if (rc == 0)
		rc = add_table(file, doc, err);
	if (rc == 0)
		rc = add_sev(file, doc, err);
	if (rc == 0)
		rc = add_tdx(file, doc, err);
	if (rc == 0)
		rc = add_generation(file, doc, err);
	if (rc == 0)
		rc = add_td_shim(file, doc, err);
	if (rc == 0)
		rc = add_variables(file, doc, err);
	return rc != 0 ? rc : add_volumes(file, doc, err);
}
