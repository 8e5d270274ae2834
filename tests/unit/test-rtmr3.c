/* RTMR3: published folds of C8s, a quote of dstack, an AAEL event of a log, and what is refused. */
#define _GNU_SOURCE
#include "measure/tdx/rtmr3.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/hex.h"
#include "tests/tap.h"

static void is_fold(const char *const *events, size_t count, const char *want, const char *what)
{
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};
	char hex[2 * SHA384_SIZE + 1];
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = rtmr3_event(events[i], &rtmr, &err);
	hex_encode(rtmr.value, SHA384_SIZE, hex);
	is_str(rc == 0 ? hex : err.msg, want, what);
}

static void refuses(const char *event, const char *want)
{
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};

	ok(rtmr3_event(event, &rtmr, &err) == -EINVAL && strstr(err.msg, want) != NULL,
		"refused: %s", event);
}

/* A file is its bytes, whatever they are. */
static void is_same_as_text(void)
{
	char event[64] = "file:";
	struct rtmr file = {.derive = NULL}, text = {.derive = NULL};
	struct err err = {0};
	int fd;

	strcpy(event + 5, "/tmp/assay-rtmr3.XXXXXX");
	fd = mkstemp(event + 5);
	ok(fd >= 0 && write(fd, "a key", 5) == 5, "a file is written");
	is_int(rtmr3_event(event, &file, &err), 0, "its event");
	is_int(rtmr3_event("text:a key", &text, &err), 0, "the event of its text");
	ok(memcmp(file.value, text.value, SHA384_SIZE) == 0, "a file is its bytes");
	unlink(event + 5);
	close(fd);
	ok(rtmr3_event(event, &file, &err) == -ENOENT, "a file that is not there");
}

int main(void)
{
	static const char *const c8s[] = {
		"image:sha256:9532d8c39891ca2ecde4d30d7710e01fb739c87a8b9299685c63704296b16028",
		"image:sha256:1e9991826cc99d614bf697d71a59d80ed5eb2969babba07d9707e6a0296026b4",
	};
	static const char *const aael[] = {
		"aael:coco.com some-operation some-content",
		"aael:coco.com some-operation {\"key\": \"value\", \"nested-key\": {\"sub-key\": "
		"\"value\"}}",
	};
	static const char *const digest[] = {
		"digest:"
		"1ad70a34f3ac77a222e512c44691d55cc10f9929ac602be81f8aa42f15013fac4da2231f67176b05ff"
		"670f1f8f7a7e21",
	};
	/* SHA-384 of 48 zeros and the digest of 01 00 00 08 ":x:" 0a, from Python's hashlib. */
	static const char *const dstack[] = {"dstack:x:0a"};

	is_fold(c8s, 1,
		"1ad70a34f3ac77a222e512c44691d55cc10f9929ac602be81f8aa42f15013fac4da2231f67176b05ff"
		"670f1f8f7a7e21",
		"C8s, one image");
	is_fold(c8s, 2,
		"16c3b1c47922b6e03c25ceac00216c40962ffc4da71d170e5ea1b76acaff10b1d3dceeaf3e449be1b0"
		"1d302caee046c1",
		"C8s, two images");
	is_fold(aael, 2,
		"5e4ecd49d3c7983d6f9ca36755b5cee0b423d7fa8c5a88aeb0681bd4698772bc37b4463dc5f722efe3"
		"52a66417257dad",
		"AAEL, as in a log from hardware");
	is_fold(dstack, 1,
		"e1ef36616a6707fc95261a48b9af59118e6b4a3802df78fb6d988407d86fdc30f10980412c751a4c22"
		"3bf535c8ae28ba",
		"dstack");
	is_fold(digest, 1,
		"5333ba79c2f93b12e0dbdbfb03f3cbc5edc696fcdb4c8bc08fca7b3d86cd1cb363dcd577e471ff03c6"
		"418fa7bb0d8564",
		"a digest");
	is_same_as_text();
	refuses("x", "want dstack:");
	refuses("image:sha256:00", "64 digits");
	refuses("image:9532d8c39891ca2ecde4d30d7710e01fb739c87a8b9299685c63704296b16028",
		"sha256:");
	refuses("dstack:", "no name");
	refuses("dstack::00", "no name");
	refuses("dstack:a:0", "lowercase hex");
	refuses("dstack:a:0G", "lowercase hex");
	refuses("aael:domain operation", "CONTENT");
	refuses("text:", "no text");
	refuses("digest:00", "96 digits");
	return tap_done();
}
