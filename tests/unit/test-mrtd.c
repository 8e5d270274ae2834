/*
 * MRTD: a synthetic image against a digest computed step by step outside this program, real
 * firmware against published values.
 */
#include "measure/tdx/mrtd.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"
#include "tests/unit/tdvf-image.h"

/* Of tdvf_image_sections: a few lines of Python's hashlib over the records that mrtd.c's head
 * shows. */
#define SYNTHETIC_SINGLE                                                                           \
	"46cf75bdcad378574e7ce382252dbd6deadaae784ad263403a3a90e292be8901ff6004cbd3428189a02f070f" \
	"88f838e7"
#define SYNTHETIC_TWO                                                                              \
	"e8576d229d2b86b5cc59dd5e0805c52bba0e0b82d317f5714fb403657664eb6077b923994c977cec8d14e5e5" \
	"5e2bb054"

static const struct {
	const char *path, *single, *two; /* below $ASSAY_SHARED/vectors */
} firmware[] = {
	{"sev-snp/debian/OVMF_2022.11-6+deb12u2.fd",
		"4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a"
		"212967fb231c47",
		"acccbcc870a381adab0d3919d90a7f268ac3b0364771f202ed4bb4e892d045b33db3b32e6924cba830"
		"a724eed443f7e1"},
};

static unsigned char image[TDVF_IMAGE_SIZE];

static int mrtd_of(const void *bytes, size_t len, enum mrtd_order order, struct derive *derive,
	char hex[2 * SHA384_SIZE + 1], struct err *err)
{
	const struct mrtd_build build = {.order = order};
	struct tdvf tdvf;
	unsigned char value[SHA384_SIZE];
	int rc = tdvf_parse(bytes, len, &tdvf, err);

	if (rc == 0)
		rc = mrtd_compute(bytes, len, &tdvf, &build, derive, value, err);
	if (rc == 0)
		hex_encode(value, sizeof(value), hex);
	return rc;
}

static void test_synthetic(void)
{
	char hex[2 * SHA384_SIZE + 1] = "";
	DERIVE_AUTO derive = {.name = "mrtd", .alg = DIGEST_SHA384};
	struct err err = {0};

	tdvf_image_make(image, tdvf_image_sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, &derive, hex, &err), 0,
		"single-pass computes");
	is_str(hex, SYNTHETIC_SINGLE, "single-pass value");
	is_int((long long)derive.count, 13, "13 pages");
	is_str(derive.steps[0].kind, "MEM.PAGE.ADD, MR.EXTEND", "of which the BFV is extended");
	is_str(derive.steps[5].kind, "MEM.PAGE.ADD", "and the CFV is not");
	is_int(mrtd_of(image, sizeof(image), MRTD_TWO, NULL, hex, &err), 0, "two-pass computes");
	is_str(hex, SYNTHETIC_TWO, "two-pass value");
}

/* Memory past a section's data is zeros, whatever the image holds there. */
static void test_padding(void)
{
	struct tdvf_section sections[TDVF_IMAGE_SECTIONS];
	char first[2 * SHA384_SIZE + 1] = "", second[2 * SHA384_SIZE + 1] = "x";
	struct err err = {0};

	memcpy(sections, tdvf_image_sections, sizeof(sections));
	sections[1].attributes = TDVF_MR_EXTEND;
	sections[1].raw_size = TDVF_PAGE + 100;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, first, &err), 0, "short data");
	memset(image + TDVF_PAGE + 100, 0, TDVF_PAGE - 100);
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, second, &err), 0, "then zeros");
	is_str(first, second, "memory past the data is zeros");
	image[TDVF_PAGE + 99] ^= 1;
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, second, &err), 0,
		"another last byte");
	ok(strcmp(first, second) != 0, "the last byte of the data counts");
}

static void test_bounds(void)
{
	struct tdvf_section sections[TDVF_IMAGE_SECTIONS];
	char hex[2 * SHA384_SIZE + 1] = "", without[2 * SHA384_SIZE + 1] = "x";
	struct err err = {0};

	memcpy(sections, tdvf_image_sections, sizeof(sections));
	sections[2].gpa = 0x100000000;
	sections[2].mem_size = (1ull << 30) + TDVF_PAGE;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, hex, &err), -EBADMSG,
		"more than 1 GiB of initial memory is refused");
	sections[2].type = TDVF_PERM_MEM;
	sections[2].attributes = TDVF_PAGE_AUG;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, hex, &err), 0,
		"PAGE.AUG memory is no initial memory");
	sections[2].mem_size = 0x80000000;
	is_int(mrtd_of(image, sizeof(image), MRTD_SINGLE, NULL, without, &err), 0, "of any size");
	is_str(hex, without, "and leaves no trace");
}

static int mrtd_build_of(const struct mrtd_build *build, char hex[2 * SHA384_SIZE + 1])
{
	struct err err = {0};
	struct tdvf tdvf;
	unsigned char value[SHA384_SIZE];
	int rc = tdvf_parse(image, sizeof(image), &tdvf, &err);

	if (rc == 0)
		rc = mrtd_compute(image, sizeof(image), &tdvf, build, NULL, value, &err);
	if (rc == 0)
		hex_encode(value, sizeof(value), hex);
	return rc;
}

/* A VMM that loads a payload: the same value as that of an image which holds it. */
static void test_content(void)
{
	struct tdvf_section sections[TDVF_IMAGE_SECTIONS];
	struct mrtd_build build = {.order = MRTD_SINGLE};
	char held[2 * SHA384_SIZE + 1] = "", loaded[2 * SHA384_SIZE + 1] = "x";
	unsigned char payload[TDVF_PAGE + 5];

	memcpy(sections, tdvf_image_sections, sizeof(sections));
	sections[1] = (struct tdvf_section){
		0, sizeof(payload), 0x900000, 2 * TDVF_PAGE, TDVF_PAYLOAD, TDVF_MR_EXTEND};
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	memcpy(payload, image, sizeof(payload));
	is_int(mrtd_build_of(&build, held), 0, "a payload in the image");
	memset(image, 0xee, sizeof(payload));
	build.content[TDVF_PAYLOAD] = (struct mrtd_content){true, payload, sizeof(payload)};
	is_int(mrtd_build_of(&build, loaded), 0, "a payload from the VMM");
	is_str(loaded, held, "is measured alike");
	build.content[TDVF_PAYLOAD] = (struct mrtd_content){true, NULL, 0};
	is_int(mrtd_build_of(&build, loaded), 0, "no payload at all");
	ok(strcmp(loaded, held) != 0, "is something else");
	build.content[TDVF_PAYLOAD] = (struct mrtd_content){true, image, 2 * TDVF_PAGE + 1};
	is_int(mrtd_build_of(&build, loaded), -EINVAL, "a payload that is too large");
}

/* PAGE.AUG memory that is added all the same is measured as its pages are. */
static void test_added_aug(void)
{
	struct tdvf_section sections[TDVF_IMAGE_SECTIONS];
	struct mrtd_build build = {.order = MRTD_SINGLE, .adds_aug = true};
	char plain[2 * SHA384_SIZE + 1] = "", added[2 * SHA384_SIZE + 1] = "x";

	memcpy(sections, tdvf_image_sections, sizeof(sections));
	sections[2].type = TDVF_PERM_MEM;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_build_of(&build, plain), 0, "memory without an attribute");
	sections[2].attributes = TDVF_PAGE_AUG;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_build_of(&build, added), 0, "PAGE.AUG memory that is added");
	ok(strcmp(plain, added) != 0, "differs only by the metadata inside the image");
	sections[0].attributes = 0;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_build_of(&build, added), 0, "with no contents measured");
	sections[2].attributes = 0;
	tdvf_image_make(image, sections, TDVF_IMAGE_SECTIONS);
	is_int(mrtd_build_of(&build, plain), 0, "nor here");
	is_str(added, plain, "both are alike");
}

static void test_firmware(void)
{
	const char *shared = getenv("ASSAY_SHARED");

	for (size_t i = 0; i < sizeof(firmware) / sizeof(firmware[0]); i++) {
		BUF_AUTO bytes = {0};
		struct err err = {0};
		char path[512], hex[2 * SHA384_SIZE + 1] = "";

		snprintf(path, sizeof(path), "%s/vectors/%s", shared != NULL ? shared : "../shared",
			firmware[i].path);
		if (io_read_file(path, 64u << 20, &bytes, &err) != 0) {
			tap_skip(firmware[i].path, "no reference data");
			continue;
		}
		ok(mrtd_of(bytes.data, bytes.len, MRTD_SINGLE, NULL, hex, &err) == 0, "%s", path);
		is_str(hex, firmware[i].single, "single-pass");
		ok(mrtd_of(bytes.data, bytes.len, MRTD_TWO, NULL, hex, &err) == 0, "%s", path);
		is_str(hex, firmware[i].two, "two-pass");
	}
}

int main(void)
{
	test_synthetic();
	test_padding();
	test_bounds();
	test_content();
	test_added_aug();
	test_firmware();
	return tap_done();
}
