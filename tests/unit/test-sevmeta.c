/* SEV metadata: reading it, and the rules that a launchable table keeps. */
#include "formats/sevmeta.h"

#include "tests/tap.h"
#include "tests/unit/fake-ovmf.h"

#define FOUR_GIB 0x100000000

static int parse(const struct fake_ovmf *fake, size_t len, struct sevmeta *ret)
{
	static unsigned char bytes[4096];
	struct err err = {0};

	memset(bytes, 0, sizeof(bytes));
	fake_metadata(fake, bytes);
	return sevmeta_parse(bytes, len, 0, ret, &err);
}

static void test_parse(void)
{
	static unsigned char bytes[4096];
	struct fake_ovmf fake = fake_ovmf_good();
	struct sevmeta meta = {.count = 99};
	struct err err = {0};

	is_int(parse(&fake, 4096, &meta), 0, "a table of six sections is read");
	is_int((long long)meta.count, 6, "all six");
	is_int(meta.sections[5].gpa, 0x810000, "in file order");
	is_int(meta.sections[5].type, SEVMETA_KERNEL_HASHES, "with their types");
	is_int(parse(&fake, 16 + 72, &meta), 0, "a table that ends with the image");
	meta.count = 99;
	is_int(parse(&fake, 16 + 71, &meta), -EBADMSG, "bad-cut-short: refused");
	is_int(parse(&fake, 15, &meta), -EBADMSG, "bad-cut-header: refused");
	is_int(sevmeta_parse(bytes, sizeof(bytes), sizeof(bytes) + 1, &meta, &err), -EBADMSG,
		"bad-offset: refused");
	is_int(sevmeta_parse(bytes, sizeof(bytes), 0, &meta, &err), -EBADMSG,
		"bad-signature: refused");
	fake.meta_count = 5;
	is_int(parse(&fake, 4096, &meta), -EBADMSG, "bad-count-below-size: refused");
	fake.meta_count = 7;
	is_int(parse(&fake, 4096, &meta), -EBADMSG, "bad-count-above-size: refused");
	fake.meta_count = 0x15555556; /* 12 times that is 8 in 32 bits */
	is_int(parse(&fake, 4096, &meta), -EBADMSG, "bad-count-overflow: refused");
	fake = fake_ovmf_good();
	fake_metadata(&fake, bytes);
	bytes[8] = 2;
	is_int(sevmeta_parse(bytes, sizeof(bytes), 0, &meta, &err), -ENOTSUP,
		"bad-version: refused");
	is_int((long long)meta.count, 99, "and none of these touched the output");
}

static void refused(struct sevmeta_section section, const char *what)
{
	struct sevmeta meta = fake_ovmf_good().meta;
	struct err err = {0};

	meta.sections[meta.count++] = section;
	is_int(sevmeta_check(&meta, FOUR_GIB - 0x10000, &err), -EBADMSG, what);
}

static void test_check(void)
{
	struct sevmeta meta = fake_ovmf_good().meta;
	struct err err = {0};

	is_int(sevmeta_check(&meta, FOUR_GIB - 0x10000, &err), 0, "the good table is good");
	meta.sections[0].size_bytes = 0;
	is_int(sevmeta_check(&meta, FOUR_GIB - 0x10000, &err), 0, "an empty section is allowed");
	refused((struct sevmeta_section){0x900100, 0x1000, 1}, "bad-section-gpa-unaligned");
	refused((struct sevmeta_section){0x900000, 0x1100, 1}, "bad-section-size-unaligned");
	refused((struct sevmeta_section){0x80d000, 0x1000, 1}, "bad-section-overlap-same");
	refused((struct sevmeta_section){0x7ff000, 0x2000, 1}, "bad-section-overlap-front");
	refused((struct sevmeta_section){0x808000, 0x2000, 1}, "bad-section-overlap-back");
	refused((struct sevmeta_section){0x100000, 0x1000000, 1}, "bad-section-overlap-around");
	refused((struct sevmeta_section){0xfffef000, 0x2000, 1}, "bad-section-inside-rom");
	refused((struct sevmeta_section){0xfffff000, 0xfffff000, 1}, "bad-section-beyond-4g");
	refused((struct sevmeta_section){0x900000, 0x1000, SEVMETA_CPUID}, "bad-two-cpuid");
	refused((struct sevmeta_section){0x900000, 0x1000, SEVMETA_SECRETS}, "bad-two-secrets");
	refused((struct sevmeta_section){0x900000, 0x1000, SEVMETA_KERNEL_HASHES},
		"bad-two-kernel-hashes");
	meta = (struct sevmeta){.count = 1, .sections = {{0x80e000, 0x2000, SEVMETA_CPUID}}};
	is_int(sevmeta_check(&meta, FOUR_GIB, &err), -EBADMSG, "bad-cpuid-of-two-pages");
	ok(sevmeta_find(&meta, SEVMETA_SECRETS) == NULL, "what is not there is not found");
	is_str(sevmeta_type_name(0x10), "KERNEL_HASHES", "types have names");
	is_str(sevmeta_type_name(0x11), "unknown", "others are unknown");
}

int main(void)
{
	test_parse();
	test_check();
	return tap_done();
}
