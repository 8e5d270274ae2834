/* Initdata: strict documents, digests by platform, annotations and devices both ways, gzip, base64. */
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/initdata.h"
#include "lib/base64.h"
#include "lib/hex.h"
#include "tests/tap.h"

#define DOC "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n"

static const char *const bad_documents[][3] = {
	{"no version", "algorithm = \"sha256\"\n[data]\n", "version"},
	{"another version", "version = \"0.2.0\"\nalgorithm = \"sha256\"\n[data]\n",
		"initdata version 0.2.0"},
	{"no algorithm", "version = \"0.1.0\"\n[data]\n", "algorithm"},
	{"a hyphen", "version = \"0.1.0\"\nalgorithm = \"sha-256\"\n[data]\n",
		"initdata algorithm sha-256"},
	{"sha1", "version = \"0.1.0\"\nalgorithm = \"sha1\"\n[data]\n", "initdata algorithm sha1"},
	{"no data", "version = \"0.1.0\"\nalgorithm = \"sha256\"\n", "data"},
	{"data that is no table", "version = \"0.1.0\"\nalgorithm = \"sha256\"\ndata = 1\n",
		"data"},
	{"an unknown key", "version = \"0.1.0\"\nalgorithm = \"sha256\"\nx = 1\n[data]\n", "x"},
	{"a number", DOC "a = 1\n", "x:5"},
	{"a table", DOC "a.b = \"c\"\n", "x:5"},
	{"a key twice", DOC "a = \"1\"\na = \"2\"\n", "x:6"},
	{"an empty key", DOC "\"\" = \"1\"\n", "not a key"},
	{"a NUL", DOC "a = \"\\u0000\"\n", "NUL"},
	{"a NUL in a key", DOC "\"a\\u0000\" = \"x\"\n", "NUL"},
	{"no TOML", "[", "x:1"},
};

static void test_bad_documents(void)
{
	for (size_t i = 0; i < sizeof(bad_documents) / sizeof(*bad_documents); i++) {
		INITDATA_AUTO got = {0};
		struct err err = {0};
		int rc = initdata_parse(
			bad_documents[i][1], strlen(bad_documents[i][1]), "x", &got, &err);

		ok(rc != 0 && strstr(err.msg, bad_documents[i][2]) != NULL, "refused: %s (%s)",
			bad_documents[i][0], err.msg);
	}
}

static void test_size(void)
{
	struct err err = {0};
	INITDATA_AUTO got = {0};
	char *text = malloc(INITDATA_BYTES_MAX + 1);

	if (text == NULL)
		return;
	memset(text, '#', INITDATA_BYTES_MAX + 1);
	is_int(initdata_parse(text, INITDATA_BYTES_MAX + 1, "x", &got, &err), -EFBIG,
		"a document above the limit");
	free(text);
}

/* Values that come back as they were, through the form that we write. */
static const char *const values[] = {"", "one line", "a\nb\n", "\n", "\n\nx", "tab\there\n",
	"cr\r\nlf", "quotes ''' inside\n", "ends with '\n'", "\"\"\"", "back\\slash",
	"\x01\x1f\x7f", "\xc3\xa4\n\xe2\x82\xac", "# no comment\n[no.table]\n"};

static void test_round_trip(void)
{
	INITDATA_AUTO initdata = {.algorithm = DIGEST_SHA512}, again = {0};
	BUF_AUTO text = {0}, text2 = {0};
	struct err err = {0};
	size_t same = 0;
	int rc = 0;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char key[16];

		snprintf(key, sizeof(key), "k.%zu\"\\", i);
		rc |= initdata_set(&initdata, key, values[i], strlen(values[i]), &err);
	}
	rc |= initdata_write(&initdata, &text, &err);
	rc |= initdata_parse(text.data, text.len, "written", &again, &err);
	ok(rc == 0, "what is written can be read: %s", err.msg);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char key[16];
		const char *value;

		snprintf(key, sizeof(key), "k.%zu\"\\", i);
		value = initdata_get(&again, key);
		same += value != NULL && strcmp(value, values[i]) == 0;
	}
	is_int((long long)same, sizeof(values) / sizeof(*values), "every value comes back");
	is_int((long long)again.algorithm, DIGEST_SHA512, "and the algorithm");
	rc = initdata_write(&again, &text2, &err);
	ok(rc == 0 && text.len == text2.len && memcmp(text.data, text2.data, text.len) == 0,
		"written again, the same bytes");
	ok(initdata_get(&again, "none") == NULL, "an entry that is not there");
}

static void test_set(void)
{
	INITDATA_AUTO initdata = {0};
	struct err err = {0};
	static const char *const bad[] = {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xc3", "\x80"};
	char key[16];
	int rc = 0;

	ok(initdata_set(&initdata, "b", "1", 1, &err) == 0 &&
			initdata_set(&initdata, "a", "2", 1, &err) == 0 &&
			initdata_set(&initdata, "b", "3", 1, &err) == 0 && initdata.count == 2,
		"an entry is replaced");
	is_str(initdata.entries[0].key, "a", "entries are sorted");
	is_str(initdata_get(&initdata, "b"), "3", "the new value counts");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(initdata_set(&initdata, "x", bad[i], strlen(bad[i]), &err) == -EBADMSG,
			"not UTF-8: %zu", i);
	is_int(initdata_set(&initdata, "x", "a\0b", 3, &err), -EBADMSG, "a NUL");
	for (size_t i = 0; rc == 0 && i <= INITDATA_ENTRIES_MAX; i++) {
		snprintf(key, sizeof(key), "%03zu", i);
		rc = initdata_set(&initdata, key, "", 0, &err);
	}
	ok(rc == -EBADMSG && initdata.count == INITDATA_ENTRIES_MAX, "entries are bounded");
}

/* sha256("abc"), sha384("abc") of FIPS 180-4's examples. */
#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC384                                                                                     \
	"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1" \
	"34c825a7"
#define ZEROS16 "00000000000000000000000000000000"

static void is_digest(enum digest_alg algorithm, enum initdata_platform platform, const char *want)
{
	unsigned char digest[INITDATA_DIGEST_MAX];
	char hex[2 * INITDATA_DIGEST_MAX + 1];
	struct err err = {0};

	if (initdata_digest("abc", 3, algorithm, platform, digest, &err) != 0)
		ok(false, "%s", err.msg);
	hex_encode(digest, initdata_digest_size(platform), hex);
	is_str(hex, want, initdata_platform_name(platform));
}

static void test_digests(void)
{
	is_digest(DIGEST_SHA256, INITDATA_SNP, ABC256);
	is_digest(DIGEST_SHA256, INITDATA_TDX, ABC256 ZEROS16);
	is_digest(DIGEST_SHA384, INITDATA_SNP,
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed");
	is_digest(DIGEST_SHA384, INITDATA_TDX, ABC384);
	is_digest(DIGEST_SHA384, INITDATA_CCA, ABC384 ZEROS16);
	is_digest(DIGEST_SHA256, INITDATA_SE,
		ABC256 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16
			ZEROS16 ZEROS16 ZEROS16 ZEROS16 ZEROS16);
}

static void test_carriers(void)
{
	BUF_AUTO annotation = {0}, image = {0}, back = {0}, back2 = {0};
	struct err err = {0};

	ok(initdata_annotation_write(DOC, strlen(DOC), &annotation, &err) == 0 &&
			initdata_annotation_read((const char *)annotation.data, annotation.len,
				"annotation", &back, &err) == 0 &&
			strcmp(buf_cstr(&back), DOC) == 0,
		"an annotation, both ways");
	/* The bytes are a contract: they must not depend on a library's version. */
	is_str(buf_cstr(&annotation),
		"H4sIAAAAAAAA/ytLLSrOzM9TsFVQMtAz1DNQ4krMSc8vyizJyAWJFWckGpmaKXFxRackliTGcgEA"
		"wFeFLC8AAAA=",
		"the annotation's bytes");
	ok(initdata_image_write(DOC, strlen(DOC), &image, &err) == 0 && image.len == 512 &&
			memcmp(image.data, "initdata\x41\0\0\0\0\0\0\0\x1f\x8b", 18) == 0,
		"a device");
	ok(initdata_image_read(image.data, image.len, "device", &back2, &err) == 0 &&
			strcmp(buf_cstr(&back2), DOC) == 0,
		"and back");
}

static void bad_image(struct buf *image, size_t at, unsigned char value, const char *what)
{
	unsigned char before = image->data[at];
	BUF_AUTO out = {0};
	struct err err = {0};

	image->data[at] = value;
	ok(initdata_image_read(image->data, image->len, "device", &out, &err) == -EBADMSG &&
			out.len == 0,
		"refused: %s (%s)", what, err.msg);
	image->data[at] = before;
}

static void test_bad_images(void)
{
	BUF_AUTO image = {0}, out = {0};
	struct err err = {0};

	if (initdata_image_write(DOC, strlen(DOC), &image, &err) != 0)
		ok(false, "%s", err.msg);
	bad_image(&image, 0, 'I', "magic");
	bad_image(&image, 9, 2, "a length past the end");
	bad_image(&image, 15, 255, "an absurd length");
	bad_image(&image, 8, 0x44, "a length that cuts the data");
	bad_image(&image, 511, 1, "data after the end");
	bad_image(&image, 16, 0, "no gzip");
	ok(initdata_image_read(image.data, 7, "x", &out, &err) == -EBADMSG,
		"too short for the magic");
	ok(initdata_image_read(image.data, 12, "x", &out, &err) == -EBADMSG,
		"too short for the length");
}

static void test_annotation_limit(void)
{
	BUF_AUTO annotation = {0};
	struct err err = {0};
	size_t n = 300u << 10;
	unsigned char *noise = malloc(n);
	uint32_t state = 1;

	for (size_t i = 0; noise != NULL && i < n; i++) {
		state = state * 1103515245 + 12345;
		noise[i] = (unsigned char)(state >> 16);
	}
	is_int(initdata_annotation_write(noise, n, &annotation, &err), -EFBIG,
		"an annotation that Kubernetes would refuse");
	is_int((long long)annotation.len, 0, "and nothing is written");
	free(noise);
}

/* --- gzip --- */

static void round_trip(const void *src, size_t n, const char *what)
{
	BUF_AUTO gzip = {0}, back = {0};
	struct err err = {0};

	ok(gzip_write(src, n, &gzip, &err) == 0 &&
			gzip_read(gzip.data, gzip.len, n, what, &back, &err) == 0 &&
			back.len == n && (n == 0 || memcmp(back.data, src, n) == 0),
		"gzip: %s, %zu bytes to %zu", what, n, gzip.len);
}

static void test_gzip(void)
{
	size_t n = 200000;
	unsigned char *data = calloc(1, n);
	BUF_AUTO gzip = {0}, back = {0};
	struct err err = {0};

	if (data == NULL)
		return;
	round_trip("", 0, "nothing");
	round_trip("a", 1, "one byte");
	round_trip("abcabcabcabcabcabc", 18, "a short cycle");
	round_trip(data, n, "zeros");
	for (size_t i = 0; i < n; i++)
		data[i] = (unsigned char)(i * i / 7 ^ i >> 3);
	round_trip(data, n, "every length and distance");
	memcpy(data + 33000, data, 33000);
	round_trip(data, 66000, "a match beyond the window");
	memcpy(data + 32767, data, 1000);
	round_trip(data, 33767, "a match at the window's edge");
	is_int(gzip_write(data, GZIP_INPUT_MAX + 1, &gzip, &err), -EFBIG, "input above the limit");
	if (gzip_write(data, 1000, &gzip, &err) == 0)
		is_int(gzip_read(gzip.data, gzip.len, 999, "x", &back, &err), -EFBIG,
			"output above the limit");
	is_int((long long)back.len, 0, "and nothing of it stays");
	free(data);
}

/* Members made by other writers, from RFC 1951's block types; and malformed ones. */
static const struct {
	const char *what, *hex;
	const char *want; /* NULL: refused */
} members[] = {
	{"a stored block", "1f8b0800000000000003 01 0300fcff 616263 c2412435 03000000", "abc"},
	{"two stored blocks",
		"1f8b0800000000000003 00 0100feff 61 01 0200fdff 6263 c2412435 03000000", "abc"},
	{"fixed codes", "1f8b0800000000000003 4b4c4a0600 c2412435 03000000", "abc"},
	{"every header field",
		"1f8b081e00000000 0003 0200 4142 6e616d6500 6e6f746500 0000 4b4c4a0600 c2412435 "
		"03000000",
		"abc"},
	{"dynamic codes",
		"1f8b0800000000000003 "
		"1d8c010e00000801df7af8ff1ba2d516024a004532457a122c9c670ce3ada86d5aad6f9cfa1fd733c6"
		"fe9b86"
		"9791e33f8dae4d2b69a10e 442a79db 78000000",
		"abddaaabdbbcadaabaaabddacbacdabaaaaacbaacaacabadbbbaaacadbaaabcaaccaacaccbabcaaabb"
		"bababacdaa"
		"caabcdccaabcbadabaabcabaacbb"},
	{"an empty member", "1f8b0800000000000003 0300 00000000 00000000", ""},
	{"another magic", "1f8c0800000000000003 4b4c4a0600 c2412435 03000000", NULL},
	{"another method", "1f8b0700000000000003 4b4c4a0600 c2412435 03000000", NULL},
	{"an unknown flag", "1f8b0820000000000003 4b4c4a0600 c2412435 03000000", NULL},
	{"a header cut in its name", "1f8b0808000000000003 4142", NULL},
	{"a header cut in its extra field", "1f8b0804000000000003 0500 41", NULL},
	{"a wrong checksum", "1f8b0800000000000003 4b4c4a0600 c2412436 03000000", NULL},
	{"a wrong length", "1f8b0800000000000003 4b4c4a0600 c2412435 04000000", NULL},
	{"no trailer", "1f8b0800000000000003 4b4c4a0600 c24124", NULL},
	{"bytes after it", "1f8b0800000000000003 4b4c4a0600 c2412435 03000000 00", NULL},
	{"block type 3", "1f8b0800000000000003 07 00000000 00000000", NULL},
	{"a stored length that does not fit its inverse",
		"1f8b0800000000000003 01 0300fcfe 616263 c2412435 03000000", NULL},
	{"a stored block cut short", "1f8b0800000000000003 01 0300fcff 6162", NULL},
	{"a distance before the start", "1f8b0800000000000003 4b040200 00000000 00000000", NULL},
	{"no end of block", "1f8b0800000000000003 4b4c", NULL},
	{"too many literal codes", "1f8b0800000000000003 fd 00000000000000000000", NULL},
	{"code lengths that are over-full",
		"1f8b0800000000000003 05e00192244992244992244992 00000000", NULL},
};

static size_t unhex(const char *text, unsigned char *ret)
{
	size_t n = 0;
	char pair[3] = {0};

	while (*text != '\0') {
		if (*text == ' ') {
			text++;
			continue;
		}
		pair[0] = text[0];
		pair[1] = text[1];
		ret[n++] = (unsigned char)strtoul(pair, NULL, 16);
		text += 2;
	}
	return n;
}

static void test_members(void)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		unsigned char bytes[256];
		size_t n = unhex(members[i].hex, bytes);
		BUF_AUTO out = {0};
		struct err err = {0};
		int rc = gzip_read(bytes, n, 1000, "x", &out, &err);

		if (members[i].want != NULL)
			ok(rc == 0 && strcmp(buf_cstr(&out), members[i].want) == 0, "gzip: %s %s",
				members[i].what, err.msg);
		else
			ok(rc == -EBADMSG && out.len == 0, "refused: %s (%s)", members[i].what,
				err.msg);
	}
}

static void test_truncation(void)
{
	BUF_AUTO gzip = {0};
	struct err err = {0};
	size_t refused = 0;

	if (gzip_write(DOC DOC DOC, 3 * strlen(DOC), &gzip, &err) != 0)
		ok(false, "%s", err.msg);
	for (size_t n = 0; n < gzip.len; n++) {
		BUF_AUTO out = {0};

		refused += gzip_read(gzip.data, n, 1000, "x", &out, &err) == -EBADMSG;
	}
	is_int((long long)refused, (long long)gzip.len, "every truncation is refused");
}

/* --- base64 --- */

static void test_base64(void)
{
	/* RFC 4648, section 10. */
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zg",
		"Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-_",
		"=Zg=", "Z==="};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		BUF_AUTO text = {0}, back = {0};
		struct err err = {0};

		base64_encode(vectors[i][0], strlen(vectors[i][0]), &text);
		is_str(buf_cstr(&text), vectors[i][1], "base64, encoded");
		ok(base64_decode(vectors[i][1], strlen(vectors[i][1]), "x", &back, &err) == 0 &&
				strcmp(buf_cstr(&back), vectors[i][0]) == 0,
			"and decoded");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		BUF_AUTO back = {0};
		struct err err = {0};

		ok(base64_decode(bad[i], strlen(bad[i]), "x", &back, &err) == -EBADMSG &&
				back.len == 0,
			"not base64: %s", err.msg);
	}
}

int main(void)
{
	test_bad_documents();
	test_size();
	test_round_trip();
	test_set();
	test_digests();
	test_carriers();
	test_bad_images();
	test_annotation_limit();
	test_gzip();
	test_members();
	test_truncation();
	test_base64();
	return tap_done();
}
