/* TDVF metadata: what is read, and every image that is refused. */
#include "formats/tdvf.h"

#include "tests/tap.h"
#include "tests/unit/tdvf-image.h"

static unsigned char image[TDVF_IMAGE_SIZE];
static struct tdvf_section sections[TDVF_IMAGE_SECTIONS];

static void reset(void)
{
	memcpy(sections, tdvf_image_sections, sizeof(sections));
}

/* Parses the image of @sections and looks for @want in the error. */
static void refuses(const char *want, const char *what)
{
	struct err err = {0};
	struct tdvf tdvf;
	int rc;

	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	rc = tdvf_parse(image, sizeof(image), &tdvf, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
	if (rc != -EBADMSG || strstr(err.msg, want) == NULL)
		printf("# %d %s\n", rc, err.msg);
	reset();
}

static void refuses_bytes(size_t offset, uint32_t value, const char *want, const char *what)
{
	struct err err = {0};
	struct tdvf tdvf;
	struct wr wr;
	int rc;

	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	wr = (struct wr){.base = image, .cap = sizeof(image), .pos = offset};
	wr_le32(&wr, value);
	rc = tdvf_parse(image, sizeof(image), &tdvf, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
	if (rc != -EBADMSG || strstr(err.msg, want) == NULL)
		printf("# %d %s\n", rc, err.msg);
}

static void test_good(void)
{
	struct err err = {0};
	struct tdvf tdvf;

	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(tdvf_parse(image, sizeof(image), &tdvf, &err), 0, "a good image parses");
	is_int((long long)tdvf.count, TDVF_IMAGE_SECTIONS, "with all its sections");
	ok(memcmp(&tdvf.sections[0], &sections[0], sizeof(sections[0])) == 0,
		"as they were written");
	ok(!tdvf.legacy, "found through the table");
	ok(tdvf_find(&tdvf, TDVF_TD_HOB) == &tdvf.sections[4], "the TD_HOB section is found");
	ok(tdvf_find(&tdvf, TDVF_TEMP_MEM) == NULL, "two of a type are not one");
	is_str(tdvf_type_name(9), "unknown", "type 9 has no name");
}

static void test_legacy(void)
{
	struct err err = {0};
	struct tdvf tdvf;
	struct wr wr;

	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	memset(image + sizeof(image) - 72, 0, 72);
	ok(tdvf_parse(image, sizeof(image), &tdvf, &err) == -EBADMSG,
		"no table, no offset: refused");
	wr = (struct wr){.base = image, .cap = sizeof(image), .pos = sizeof(image) - 32};
	wr_le32(&wr, TDVF_IMAGE_METADATA);
	is_int(tdvf_parse(image, sizeof(image), &tdvf, &err), 0,
		"the offset 32 before the end is followed");
	ok(tdvf.legacy, "and it is known how");
	ok(tdvf_parse(image, 16, &tdvf, &err) == -EBADMSG, "16 bytes are no image");
}

/* td-shim describes data inside its firmware volume by sections without memory. */
static void test_annotations(void)
{
	struct err err = {0};
	struct tdvf tdvf;

	sections[2] = (struct tdvf_section){2 * TDVF_PAGE, 64, 0, 0, TDVF_TD_INFO, 0};
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(tdvf_parse(image, sizeof(image), &tdvf, &err), 0, "TdInfo without memory");
	reset();
	sections[2] = (struct tdvf_section){2 * TDVF_PAGE, 64, 0x1000, 0, TDVF_TD_INFO, 0};
	refuses("of memory", "TdInfo with an address and more data than memory");
	sections[2] = (struct tdvf_section){0, 64, 0, 0, TDVF_PAYLOAD, 0};
	refuses("of memory", "a payload without memory");
	sections[2] = (struct tdvf_section){TDVF_IMAGE_SIZE, 1, 0, 0, TDVF_TD_PARAMS, 0};
	refuses("beyond the image", "TdParams beyond the image");
}

static void test_bad_sections(void)
{
	sections[0].type = 9;
	refuses("unknown type 9", "an unknown type");
	sections[0].attributes = 4;
	refuses("unknown attributes 0x4", "an unknown attribute");
	sections[2].gpa++;
	refuses("page-aligned", "unaligned memory");
	sections[2].mem_size--;
	refuses("page-aligned", "an unaligned size");
	sections[2].gpa = 0xfffffffffffff000;
	refuses("address space", "memory beyond 2^64");
	sections[0].mem_size = TDVF_PAGE;
	refuses("of memory", "more data than memory");
	sections[0].data_offset = 3 * TDVF_PAGE;
	refuses("beyond the image", "data beyond the image");
	sections[0].data_offset = 0xffffffff;
	refuses("beyond the image", "data far beyond the image");
	sections[2].raw_size = 1;
	refuses("has no data", "TempMem with data");
	sections[1].raw_size = 0;
	refuses("no data", "CFV without data");
	sections[0].attributes = TDVF_MR_EXTEND | TDVF_PAGE_AUG;
	refuses("PAGE.AUG", "PAGE.AUG with contents");
	sections[3].gpa = sections[2].gpa + TDVF_PAGE;
	refuses("overlap", "overlapping memory");
}

static void test_bad_descriptor(void)
{
	refuses_bytes(TDVF_IMAGE_METADATA, 0x46564454 + 1, "no \"TDVF\"", "a wrong signature");
	refuses_bytes(TDVF_IMAGE_METADATA + 4, 16, "does not hold", "a short length");
	refuses_bytes(TDVF_IMAGE_METADATA + 4, 0xffffffff, "does not hold", "a huge length");
	refuses_bytes(TDVF_IMAGE_METADATA + 8, 2, "version 2", "version 2");
	refuses_bytes(TDVF_IMAGE_METADATA + 12, 0, "0 sections", "no section");
	refuses_bytes(TDVF_IMAGE_METADATA + 12, 65, "65 sections", "too many sections");
	refuses_bytes(TDVF_IMAGE_SIZE - 72, TDVF_IMAGE_SIZE + 1, "TDX metadata",
		"an offset before the image");
	refuses_bytes(TDVF_IMAGE_SIZE - 72, 8, "no \"TDVF\"", "an offset at the very end");
}

int main(void)
{
	reset();
	test_good();
	test_legacy();
	test_annotations();
	test_bad_sections();
	test_bad_descriptor();
	return tap_done();
}
