/* assay inspect: IGVM files. */
#include <string.h>

#include "formats/igvm.h"
#include "measure/evidence/inspect.h"

#define AT_HIGHEST_VTL 4
#define PAGE_SIZE      4096u
#define PAGES_2MB      512u

bool inspect_is_igvm(const struct inspect_file *file)
{
	return file->head_len >= 4 && memcmp(file->head, "IGVM", 4) == 0;
}

static const char *platform_name(uint8_t platform)
{
	static const char *const names[] = {[IGVM_NATIVE] = "native",
		[IGVM_VSM] = "vsm",
		[IGVM_SNP] = "sev-snp",
		[IGVM_TDX] = "tdx",
		[IGVM_SEV] = "sev",
		[IGVM_SEV_ES] = "sev-es",
		[IGVM_CCA] = "cca"};

	return platform < sizeof(names) / sizeof(names[0]) ? names[platform] : "unknown";
}

static int add_platforms(const struct igvm *igvm, json_t *doc, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < igvm->count; i++) {
		const struct igvm_item *item = &igvm->items[i];
		json_t *row;

		if (item->type != IGVM_SUPPORTED_PLATFORM)
			continue;
		row = inspect_append(doc, "platform");
		rc = inspect_set(row, "type", json_string(platform_name(item->platform)), err);
		if (rc == 0)
			rc = inspect_bits(row, "mask", item->mask, err);
		if (rc == 0)
			rc = inspect_u64(row, "highest_vtl", item->body[AT_HIGHEST_VTL], err);
	}
	return rc;
}

static int add_policies(const struct igvm *igvm, json_t *doc, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < igvm->count; i++) {
		const struct igvm_item *item = &igvm->items[i];
		json_t *row;

		if (item->type != IGVM_GUEST_POLICY && item->type != IGVM_SNP_ID_BLOCK)
			continue;
		row = inspect_append(
			doc, item->type == IGVM_GUEST_POLICY ? "guest_policy" : "id_block");
		rc = inspect_bits(row, "mask", item->mask, err);
		if (rc == 0 && item->type == IGVM_GUEST_POLICY)
			rc = inspect_bits(row, "policy", item->policy, err);
		if (rc == 0 && item->type == IGVM_SNP_ID_BLOCK)
			rc = inspect_hex(row, "launch_digest", igvm_id_block_digest(item), 48, err);
	}
	return rc;
}

/* How many headers there are of each type, in the order of their first. */
static int add_counts(const struct igvm *igvm, json_t *doc, struct err *err)
{
	json_t *counts = inspect_object(doc, "headers");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < igvm->count; i++) {
		const char *name = igvm_type_name(igvm->items[i].type);
		json_int_t before = json_integer_value(json_object_get(counts, name));

		rc = inspect_set(counts, name, json_integer(before + 1), err);
	}
	return rc;
}

struct pages {
	uint64_t count, data, unmeasured, shared, low, high;
};

static void count_page(const struct igvm_item *item, struct pages *pages)
{
	uint64_t n = (item->flags & IGVM_FLAG_2MB) != 0 ? PAGES_2MB : 1;
	uint64_t end = item->gpa + n * PAGE_SIZE - 1;

	pages->low = pages->count == 0 || item->gpa < pages->low ? item->gpa : pages->low;
	pages->high = end > pages->high ? end : pages->high;
	pages->count += n;
	pages->data += item->file_offset != 0;
	pages->unmeasured += (item->flags & IGVM_FLAG_UNMEASURED) != 0 ? n : 0;
	pages->shared += (item->flags & IGVM_FLAG_SHARED) != 0 ? n : 0;
}

static int add_pages(const struct igvm *igvm, json_t *doc, struct err *err)
{
	struct pages pages = {.count = 0};
	json_t *object;
	int rc;

	for (size_t i = 0; i < igvm->count; i++)
		if (igvm->items[i].type == IGVM_PAGE_DATA)
			count_page(&igvm->items[i], &pages);
	if (pages.count == 0)
		return 0;
	object = inspect_object(doc, "pages");
	rc = inspect_u64(object, "count", pages.count, err);
	if (rc == 0)
		rc = inspect_u64(object, "with_data", pages.data, err);
	if (rc == 0)
		rc = inspect_u64(object, "unmeasured", pages.unmeasured, err);
	if (rc == 0)
		rc = inspect_u64(object, "shared", pages.shared, err);
	if (rc == 0)
		rc = inspect_bits(object, "lowest", pages.low, err);
	return rc != 0 ? rc : inspect_bits(object, "highest", pages.high, err);
}

int inspect_igvm(const struct inspect_file *file, json_t *doc, struct err *err)
{
	IGVM_AUTO igvm = {.count = 0};
	int rc = igvm_parse(file->data, file->len, file->size_bytes, &igvm, err);

	if (rc == 0)
		rc = inspect_u64(doc, "format_version", igvm.version, err);
	if (rc == 0)
		rc = add_platforms(&igvm, doc, err);
	if (rc == 0)
		rc = add_policies(&igvm, doc, err);
	if (rc == 0)
		rc = add_counts(&igvm, doc, err);
	return rc != 0 ? rc : add_pages(&igvm, doc, err);
}
