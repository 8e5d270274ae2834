/* RTMR prediction (rtmr.h). */
#include "measure/tdx/rtmr.h"

#include <string.h>

int rtmr_digest(struct rtmr *rtmr, const char *kind, const char *what,
	const unsigned char digest[SHA384_SIZE], uint64_t size_bytes, struct err *err)
{
	struct derive_step step = {.kind = kind,
		.gpa = DERIVE_NO_GPA,
		.size_bytes = size_bytes,
		.content_size = SHA384_SIZE,
		.running_size = SHA384_SIZE};
	int rc = digest_extend(DIGEST_SHA384, rtmr->value, digest, err);

	if (rc != 0 || rtmr->derive == NULL)
		return rc;
	memcpy(step.content, digest, SHA384_SIZE);
	memcpy(step.running, rtmr->value, SHA384_SIZE);
	derive_add(rtmr->derive, &step, "%s", what);
	return 0;
}

int rtmr_data(struct rtmr *rtmr, const char *kind, const char *what, const void *data, size_t n,
	struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	int rc = digest_bytes(DIGEST_SHA384, data, n, digest, err);

	return rc != 0 ? rc : rtmr_digest(rtmr, kind, what, digest, n, err);
}

int rtmr_action(struct rtmr *rtmr, const char *text, struct err *err)
{
	return rtmr_data(rtmr, "EV_EFI_ACTION", text, text, strlen(text), err);
}

int rtmr_separator(struct rtmr *rtmr, struct err *err)
{
	return rtmr_data(rtmr, "EV_SEPARATOR", "separator", "\0\0\0\0", 4, err);
}
