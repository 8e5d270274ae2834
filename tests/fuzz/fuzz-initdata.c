/* Initdata in its three forms, and gzip: what is read is written and read again to the same. */
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/initdata.h"
#include "tests/fuzz/fuzz.h"

/* Decompressed bytes of one input; more would only be slow. */
#define OUTPUT_MAX (1u << 16)

static void check_document(const void *text, size_t len)
{
	INITDATA_AUTO initdata = {0}, again = {0};
	BUF_AUTO written = {0};
	struct err err = {0};

	if (initdata_parse(text, len, "input", &initdata, &err) != 0)
		return;
	if (initdata_write(&initdata, &written, &err) != 0 ||
		initdata_parse(written.data, written.len, "written", &again, &err) != 0 ||
		initdata.count != again.count || initdata.algorithm != again.algorithm)
		abort();
	for (size_t i = 0; i < initdata.count; i++) {
		if (strcmp(initdata.entries[i].key, again.entries[i].key) != 0 ||
			strcmp(initdata.entries[i].value, again.entries[i].value) != 0)
			abort();
	}
}

static void check_gzip(const void *src, size_t len)
{
	BUF_AUTO gzip = {0}, back = {0};
	struct err err = {0};

	if (gzip_write(src, len, &gzip, &err) != 0 ||
		gzip_read(gzip.data, gzip.len, len, "written", &back, &err) != 0 ||
		back.len != len || (len > 0 && memcmp(back.data, src, len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO member = {0}, document = {0}, device = {0};
	struct err err = {0};

	check_document(data, size);
	check_gzip(data, size);
	if (gzip_read(data, size, OUTPUT_MAX, "input", &member, &err) == 0)
		check_gzip(member.data, member.len);
	if (initdata_annotation_read((const char *)data, size, "input", &document, &err) == 0)
		check_document(document.data, document.len);
	if (initdata_image_read(data, size, "input", &device, &err) == 0)
		check_document(device.data, device.len);
	return 0;
}
