/* RTMR3 events (rtmr3.h). */
#include "measure/tdx/rtmr3.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/wr.h"

#define DSTACK_TYPE 0x08000001u
#define AAEL_TAG    0x4141454cu

static void add_le32(struct buf *to, uint32_t value)
{
	unsigned char bytes[4];
	struct wr wr = wr_init(bytes, sizeof(bytes));

	wr_le32(&wr, value);
	buf_add(to, bytes, sizeof(bytes));
}

static int extend(struct rtmr *rtmr, const char *kind, const char *event, const struct buf *bytes,
	struct err *err)
{
	int rc = buf_check(bytes, err);

	return rc != 0 ? rc : rtmr_data(rtmr, kind, event, bytes->data, bytes->len, err);
}

static int event_dstack(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	BUF_AUTO bytes = {0};
	const char *colon = strchr(value, ':');
	size_t name = colon != NULL ? (size_t)(colon - value) : strlen(value);
	size_t payload = colon != NULL ? strlen(colon + 1) / 2 : 0;
	void *at;

	if (name == 0)
		return err_fail(err, -EINVAL, "runtime event \"%s\": no name", event);
	add_le32(&bytes, DSTACK_TYPE);
	buf_str(&bytes, ":");
	buf_add(&bytes, value, name);
	buf_str(&bytes, ":");
	at = buf_grow(&bytes, payload);
	if (colon != NULL && at != NULL && !hex_decode(colon + 1, at, payload))
		return err_fail(err, -EINVAL,
			"runtime event \"%s\": the payload is no lowercase hex", event);
	return extend(rtmr, "dstack event", event, &bytes, err);
}

static int event_aael(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	BUF_AUTO bytes = {0};
	const char *first = strchr(value, ' ');

	if (first == NULL || first == value || strchr(first + 1, ' ') == NULL)
		return err_fail(
			err, -EINVAL, "runtime event \"%s\": want DOMAIN OPERATION CONTENT", event);
	add_le32(&bytes, AAEL_TAG);
	add_le32(&bytes, (uint32_t)strlen(value));
	buf_str(&bytes, value);
	return extend(rtmr, "EV_EVENT_TAG", event, &bytes, err);
}

static int event_image(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	static const char prefix[] = "sha256:";
	unsigned char digest[SHA256_SIZE];

	if (strncmp(value, prefix, sizeof(prefix) - 1) != 0 ||
		!hex_decode(value + sizeof(prefix) - 1, digest, sizeof(digest)))
		return err_fail(err, -EINVAL,
			"runtime event \"%s\": want sha256: and 64 digits of lowercase hex", event);
	return rtmr_data(rtmr, "image", event, value, strlen(value), err);
}

static int event_file(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	uint64_t size;
	int rc = io_digest_file(value, DIGEST_SHA384, digest, &size, err);

	return rc != 0 ? rc : rtmr_digest(rtmr, "file", event, digest, size, err);
}

static int event_text(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	if (value[0] == '\0')
		return err_fail(err, -EINVAL, "runtime event \"%s\": no text", event);
	return rtmr_data(rtmr, "text", event, value, strlen(value), err);
}

static int event_digest(const char *value, const char *event, struct rtmr *rtmr, struct err *err)
{
	unsigned char digest[SHA384_SIZE];

	if (!hex_decode(value, digest, sizeof(digest)))
		return err_fail(err, -EINVAL,
			"runtime event \"%s\": want 96 digits of lowercase hex", event);
	return rtmr_digest(rtmr, "digest", event, digest, 0, err);
}

static const struct {
	const char *prefix;
	int (*extend)(const char *value, const char *event, struct rtmr *rtmr, struct err *err);
} kinds[] = {
	{"dstack:", event_dstack},
	{"aael:", event_aael},
	{"image:", event_image},
	{"file:", event_file},
	{"text:", event_text},
	{"digest:", event_digest},
};

int rtmr3_event(const char *event, struct rtmr *rtmr, struct err *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(event, kinds[i].prefix, n) == 0)
			return kinds[i].extend(event + n, event, rtmr, err);
	}
	return err_fail(err, -EINVAL,
		"runtime event \"%s\": want dstack:, aael:, image:, file:, text: or digest:",
		event);
}
