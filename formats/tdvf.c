/*
 * TDVF metadata (tdvf.h).
 *
 *   offset | size | descriptor
 *   0      | 4    | "TDVF"
 *   4      | 4    | bytes of the descriptor and its sections
 *   8      | 4    | version, 1
 *   12     | 4    | number of sections
 * then per section
 *   0      | 4    | offset of the data in the image
 *   4      | 4    | bytes of the data
 *   8      | 8    | guest physical address
 *   16     | 8    | bytes of memory
 *   24     | 4    | type
 *   28     | 4    | attributes
 */
#include "formats/tdvf.h"

#include <inttypes.h>
#include <string.h>

#include "formats/ovmf.h"
#include "lib/rd.h"

#define DESCRIPTOR_SIZE 16
#define SECTION_SIZE	32
#define VERSION		1
#define LEGACY_FROM_END                                                                            \
	32 /* where the u32 offset of the descriptor stands without a GUIDed table */
#define KNOWN_ATTRIBUTES (TDVF_MR_EXTEND | TDVF_PAGE_AUG)

static const struct {
	const char *name;
	bool has_data; /* copied from the image; the others must not name data */
} types[TDVF_TYPES] = {
	[TDVF_BFV] = {"BFV", true},
	[TDVF_CFV] = {"CFV", true},
	[TDVF_TD_HOB] = {"TD_HOB", false},
	[TDVF_TEMP_MEM] = {"TempMem", false},
	[TDVF_PERM_MEM] = {"PermMem", false},
	[TDVF_PAYLOAD] = {"Payload", true},
	[TDVF_PAYLOAD_PARAM] = {"PayloadParam", true},
	[TDVF_TD_INFO] = {"TdInfo", true},
	[TDVF_TD_PARAMS] = {"TdParams", true},
};

const char *tdvf_type_name(uint32_t type)
{
	return type < TDVF_TYPES ? types[type].name : "unknown";
}

static bool is_descriptor(const unsigned char *image, size_t len, size_t offset)
{
	return offset <= len && len - offset >= DESCRIPTOR_SIZE &&
	       memcmp(image + offset, "TDVF", 4) == 0;
}

static int find_descriptor(
	const unsigned char *image, size_t len, size_t *ret, bool *ret_legacy, struct err *err)
{
	struct ovmf_table table;
	const struct ovmf_entry *entry;
	struct rd whole = rd_init(image, len);
	struct rd rd;
	size_t offset;
	int rc;

	rc = ovmf_table_parse(image, len, &table, err);
	if (rc != 0)
		return rc;
	entry = ovmf_table_find(&table, OVMF_GUID_TDX_METADATA);
	if (entry != NULL) {
		rc = ovmf_entry_target(image, len, entry, "TDX metadata", &offset, err);
		if (rc != 0)
			return rc;
		if (!is_descriptor(image, len, offset))
			return err_fail(
				err, -EBADMSG, "TDX metadata: no \"TDVF\" at byte %zu", offset);
		*ret = offset;
		*ret_legacy = false;
		return 0;
	}
	if (table.count > 0 || len < LEGACY_FROM_END)
		return err_fail(err, -EBADMSG, "firmware has no TDX metadata");
	rd = rd_at(&whole, len - LEGACY_FROM_END, 4);
	offset = rd_le32(&rd);
	if (!is_descriptor(image, len, offset))
		return err_fail(err, -EBADMSG, "firmware has no TDX metadata");
	*ret = offset;
	*ret_legacy = true;
	return 0;
}

/* TdInfo and TdParams without memory: the data are part of another section's. */
static bool is_annotation(const struct tdvf_section *section)
{
	return (section->type == TDVF_TD_INFO || section->type == TDVF_TD_PARAMS) &&
	       section->gpa == 0 && section->mem_size == 0;
}

/* What a section must be by itself. */
static int check_section(const struct tdvf_section *section, size_t i, size_t len, struct err *err)
{
	const char *name = tdvf_type_name(section->type);

	if (section->type >= TDVF_TYPES)
		return err_fail(err, -EBADMSG, "TDX metadata section %zu: unknown type %" PRIu32, i,
			section->type);
	if ((section->attributes & ~KNOWN_ATTRIBUTES) != 0)
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): unknown attributes 0x%" PRIx32, i, name,
			section->attributes);
	if (section->gpa % TDVF_PAGE != 0 || section->mem_size % TDVF_PAGE != 0)
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): memory 0x%" PRIx64 "+0x%" PRIx64
			" is not page-aligned",
			i, name, section->gpa, section->mem_size);
	if (section->mem_size > UINT64_MAX - section->gpa)
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): memory 0x%" PRIx64 "+0x%" PRIx64
			" leaves the address space",
			i, name, section->gpa, section->mem_size);
	if (section->raw_size > section->mem_size && !is_annotation(section))
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): 0x%" PRIx32 " bytes of data in 0x%" PRIx64
			" of memory",
			i, name, section->raw_size, section->mem_size);
	if (section->data_offset > len || section->raw_size > len - section->data_offset)
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): data 0x%" PRIx32 "+0x%" PRIx32
			" lies beyond the image's %zu bytes; is this a split CODE image?",
			i, name, section->data_offset, section->raw_size, len);
	if (!types[section->type].has_data && section->raw_size != 0)
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): a section of this type has no data", i,
			name);
	if (section->type <= TDVF_CFV && section->raw_size == 0)
		return err_fail(err, -EBADMSG, "TDX metadata section %zu (%s): no data", i, name);
	if ((section->attributes & TDVF_PAGE_AUG) != 0 &&
		((section->attributes & TDVF_MR_EXTEND) != 0 || section->raw_size != 0))
		return err_fail(err, -EBADMSG,
			"TDX metadata section %zu (%s): PAGE.AUG with contents", i, name);
	return 0;
}

static int check_overlap(const struct tdvf *tdvf, size_t i, struct err *err)
{
	const struct tdvf_section *a = &tdvf->sections[i];

	for (size_t k = 0; k < i; k++) {
		const struct tdvf_section *b = &tdvf->sections[k];

		if (a->gpa < b->gpa + b->mem_size && b->gpa < a->gpa + a->mem_size)
			return err_fail(err, -EBADMSG,
				"TDX metadata sections %zu (%s) and %zu (%s) overlap in memory", k,
				tdvf_type_name(b->type), i, tdvf_type_name(a->type));
	}
	return 0;
}

static struct tdvf_section read_section(struct rd *rd)
{
	struct tdvf_section section;

	section.data_offset = rd_le32(rd);
	section.raw_size = rd_le32(rd);
	section.gpa = rd_le64(rd);
	section.mem_size = rd_le64(rd);
	section.type = rd_le32(rd);
	section.attributes = rd_le32(rd);
	return section;
}

int tdvf_parse(const void *image, size_t len, struct tdvf *ret, struct err *err)
{
	struct rd whole = rd_init(image, len);
	struct tdvf tdvf = {.count = 0};
	struct rd rd;
	uint32_t length, version, count;
	size_t offset;
	int rc;

	rc = find_descriptor(image, len, &offset, &tdvf.legacy, err);
	if (rc != 0)
		return rc;
	rd = rd_at(&whole, offset, len - offset);
	rd_skip(&rd, 4);
	length = rd_le32(&rd);
	version = rd_le32(&rd);
	count = rd_le32(&rd);
	if (version != VERSION)
		return err_fail(err, -EBADMSG,
			"TDX metadata at byte %zu: version %" PRIu32 ", want %d", offset, version,
			VERSION);
	if (count == 0 || count > TDVF_SECTIONS_MAX)
		return err_fail(err, -EBADMSG,
			"TDX metadata at byte %zu: %" PRIu32 " sections, want 1 to %d", offset,
			count, TDVF_SECTIONS_MAX);
	if (length != DESCRIPTOR_SIZE + count * SECTION_SIZE || length > len - offset)
		return err_fail(err, -EBADMSG,
			"TDX metadata at byte %zu: length %" PRIu32 " does not hold %" PRIu32
			" sections",
			offset, length, count);
	for (size_t i = 0; i < count; i++) {
		tdvf.sections[i] = read_section(&rd);
		tdvf.count++;
		rc = check_section(&tdvf.sections[i], i, len, err);
		if (rc == 0)
			rc = check_overlap(&tdvf, i, err);
		if (rc != 0)
			return rc;
	}
	if (rd.bad)
		return err_fail(err, -EBADMSG, "TDX metadata at byte %zu: cut short", offset);
	*ret = tdvf;
	return 0;
}

const struct tdvf_section *tdvf_find(const struct tdvf *tdvf, enum tdvf_type type)
{
	const struct tdvf_section *found = NULL;

	for (size_t i = 0; i < tdvf->count; i++) {
		if (tdvf->sections[i].type != type)
			continue;
		if (found != NULL)
			return NULL;
		found = &tdvf->sections[i];
	}
	return found;
}
