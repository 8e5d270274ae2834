/* The order in which two drivers start, from their dependency expressions. */
#define _GNU_SOURCE /* strsep */
#include "measure/tdx/dxe-order.h"

#include "tests/tap.h"
#include "tests/unit/ffs-image.h"

#define GUID_A	      "11111111-2222-3333-4444-555555555555"
#define GUID_B	      "66666666-7777-8888-9999-aaaaaaaaaaaa"
#define GUID_A_PRIORI "fc510ee7-ffdc-11d4-bd41-0080c73c8881"
#define PCD	      "13a3f0f6-264a-3ef0-f2e0-dec512342f34"
#define PCD_DXE	      "80cf7257-87ab-47f9-a3fe-d50b76d89541"
#define SMBIOS	      "03583ff6-cb36-4940-947e-b9b39f4afaf7"
#define SMBIOS_DXE    "f9d88642-0737-49bc-81b5-6889cd57d9ea"
#define IOMMU	      "4e939de9-d948-4b0f-88ed-e6e1ce517c1e"
#define NO_IOMMU      "f8775d50-8abd-4adf-92ac-853e51f6c8dc"
#define IOMMU_DXE     "8657015b-ea43-440d-949a-af3be365c0fc"
#define UNKNOWN	      "00000000-1111-2222-3333-444444444444"

/* A driver with its expression in words: "PUSH guid AND ... END". */
struct driver {
	const char *guid, *depex; /* NULL: no expression */
};

static void add_depex(struct buf *to, const char *text)
{
	static const char *const words[] = {
		"BEFORE", "AFTER", "PUSH", "AND", "OR", "NOT", "TRUE", "FALSE", "END"};
	char copy[512], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL) {
		size_t op = 0;

		while (op < 9 && strcmp(word, words[op]) != 0)
			op++;
		if (op == 9)
			ffs_image_guid(to, word);
		else
			ffs_image_le(to, op, 1);
	}
}

/* Parses a volume with the drivers; PcdDxe is a priori. */
static void make(const struct driver *drivers, size_t count, struct buf *image, struct ffs *ret)
{
	BUF_AUTO files = {0};
	BUF_AUTO list = {0};
	BUF_AUTO sections = {0};
	struct err err = {0};

	ffs_image_guid(&list, PCD_DXE);
	ffs_image_section(&sections, FFS_SECTION_RAW, list.data, list.len);
	ffs_image_file(&files, GUID_A_PRIORI, FFS_TYPE_FREEFORM, &sections);
	for (size_t i = 0; i < count; i++) {
		BUF_AUTO driver = {0};
		BUF_AUTO depex = {0};

		if (drivers[i].depex != NULL) {
			add_depex(&depex, drivers[i].depex);
			ffs_image_section(&driver, FFS_SECTION_DEPEX, depex.data, depex.len);
		}
		ffs_image_section(&driver, FFS_SECTION_PE32, "code", 5);
		ffs_image_file(&files, drivers[i].guid, FFS_TYPE_DRIVER, &driver);
	}
	ffs_image_volume(image, FFS_IMAGE_FFS2, &files);
	if (ffs_parse(image->data, image->len, ret, &err) != 0)
		abort();
}

/* Whether A starts before B ('<'), after ('>'), or that cannot be told ('?'). */
static void order_is(const struct driver *drivers, size_t count, char want, const char *what)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};
	bool first = false;
	char got;
	int rc;

	make(drivers, count, &image, &ffs);
	rc = dxe_order(&ffs, ffs_find(&ffs, GUID_A), ffs_find(&ffs, GUID_B), &first, &err);
	got = rc == -ENOTSUP ? '?' : rc != 0 ? '!' : first ? '<' : '>';
	ok(got == want, "%s: %c", what, want);
	if (got != want)
		printf("# %c %s\n", got, err.msg);
}

#define ORDER(want, what, ...)                                                                     \
	order_is((const struct driver[]){__VA_ARGS__},                                             \
		sizeof((const struct driver[]){__VA_ARGS__}) / sizeof(struct driver), want, what)

int main(void)
{
	ORDER('<', "the same round, in the volume's order", {PCD_DXE, "TRUE END"},
		{GUID_A, "PUSH " PCD " END"}, {GUID_B, "TRUE END"});
	ORDER('>', "the other way round", {PCD_DXE, "TRUE END"}, {GUID_B, "PUSH " PCD " END"},
		{GUID_A, "TRUE END"});
	ORDER('>', "a round later", {PCD_DXE, "TRUE END"}, {GUID_A, "PUSH " SMBIOS " END"},
		{SMBIOS_DXE, "PUSH " PCD " END"}, {GUID_B, "PUSH " PCD " END"});
	ORDER('>', "the latest of two counts", {PCD_DXE, "TRUE END"},
		{GUID_A, "PUSH " PCD " PUSH " SMBIOS " AND END"}, {SMBIOS_DXE, "PUSH " PCD " END"},
		{GUID_B, "PUSH " PCD " END"});
	ORDER('<', "the earliest of two alternatives counts", {PCD_DXE, "TRUE END"},
		{GUID_A, "PUSH " SMBIOS " PUSH " PCD " OR END"}, {SMBIOS_DXE, "PUSH " PCD " END"},
		{GUID_B, "PUSH " PCD " END"});
	ORDER('>', "as OVMF's SMBIOS driver waits for one of two", {PCD_DXE, "TRUE END"},
		{GUID_A, "PUSH " SMBIOS " END"},
		{SMBIOS_DXE, "TRUE PUSH " IOMMU " PUSH " NO_IOMMU " OR AND END"},
		{IOMMU_DXE, "PUSH " PCD " END"}, {GUID_B, "PUSH " IOMMU " END"});
	ORDER('?', "an unknown protocol", {GUID_A, "PUSH " UNKNOWN " END"}, {GUID_B, "TRUE END"});
	ORDER('?', "an unknown alternative", {PCD_DXE, "TRUE END"},
		{GUID_A, "PUSH " UNKNOWN " PUSH " PCD " OR END"}, {GUID_B, "TRUE END"});
	ORDER('?', "a driver that is not there", {GUID_A, "PUSH " SMBIOS " END"},
		{GUID_B, "TRUE END"});
	ORDER('?', "a circle", {SMBIOS_DXE, "PUSH " SMBIOS " END"}, {GUID_A, "PUSH " SMBIOS " END"},
		{GUID_B, "TRUE END"});
	ORDER('?', "no expression", {GUID_A, NULL}, {GUID_B, "TRUE END"});
	ORDER('?', "a negation", {GUID_A, "TRUE NOT END"}, {GUID_B, "TRUE END"});
	ORDER('?', "no end", {GUID_A, "TRUE"}, {GUID_B, "TRUE END"});
	ORDER('?', "two values", {GUID_A, "TRUE TRUE END"}, {GUID_B, "TRUE END"});
	ORDER('?', "nothing to combine", {GUID_A, "TRUE AND END"}, {GUID_B, "TRUE END"});
	ORDER('?', "a cut GUID", {GUID_A, "PUSH"}, {GUID_B, "TRUE END"});
	return tap_done();
}
