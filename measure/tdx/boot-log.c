/* The events of a boot (boot-log.h). */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/boot-log.h"

#include <stdlib.h>
#include <string.h>

#include "lib/guid.h"
#include "measure/tdx/authenticode.h"

#define PCR_BOOT_LOADER 4
#define GUID_CC		"96751a3d-72f4-41a6-a794-ed5d0e67ae6b"
#define GUID_TCG2	"607f766c-7455-42be-930b-e4d76db2720f"

void boot_log_done(struct boot_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->events[i].what);
	free(log->events);
	*log = (struct boot_log){.protocol = log->protocol};
}

static bool make_room(struct boot_log *log)
{
	size_t cap = log->cap == 0 ? 64 : 2 * log->cap;
	struct boot_event *events;

	if (log->count < log->cap)
		return true;
	events = realloc(log->events, cap * sizeof(*events));
	if (events == NULL)
		return false;
	log->events = events;
	log->cap = cap;
	return true;
}

int boot_log_digest(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const unsigned char digest[SHA384_SIZE], uint64_t size_bytes, struct err *err)
{
	struct boot_event event = {.pcr = pcr, .kind = kind, .size_bytes = size_bytes};

	if (log->count == BOOT_LOG_MAX)
		return err_fail(err, -EFBIG, "more than %d events", BOOT_LOG_MAX);
	event.what = strdup(what);
	if (event.what == NULL || !make_room(log)) {
		free(event.what);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	memcpy(event.digest, digest, SHA384_SIZE);
	log->events[log->count++] = event;
	return 0;
}

int boot_log_unknown(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const char *why, struct err *err)
{
	static const unsigned char zero[SHA384_SIZE];
	int rc = boot_log_digest(log, pcr, kind, what, zero, 0, err);

	if (rc == 0)
		log->events[log->count - 1].unknown = why;
	return rc;
}

int boot_log_data(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const void *data, size_t n, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	int rc = digest_bytes(DIGEST_SHA384, data, n, digest, err);

	return rc != 0 ? rc : boot_log_digest(log, pcr, kind, what, digest, n, err);
}

int boot_log_action(struct boot_log *log, unsigned pcr, const char *text, struct err *err)
{
	return boot_log_data(log, pcr, "EV_EFI_ACTION", text, text, strlen(text), err);
}

int boot_log_image(
	struct boot_log *log, const char *what, const void *image, size_t len, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	BUF_AUTO text = {0};
	int rc = authenticode_digest(DIGEST_SHA384, image, len, digest, err);

	if (rc != 0)
		return err_wrap(err, "%s", what);
	buf_fmt(&text, "Authenticode of %s", what);
	rc = buf_check(&text, err);
	return rc != 0 ? rc
		       : boot_log_digest(log, PCR_BOOT_LOADER, "EV_EFI_BOOT_SERVICES_APPLICATION",
				 buf_cstr(&text), digest, len, err);
}

bool boot_log_measures(const struct boot_log *log, const void *program, size_t len)
{
	struct guid guid;

	return guid_parse(log->protocol == BOOT_CC ? GUID_CC : GUID_TCG2, &guid) &&
	       memmem(program, len, guid.bytes, 8) != NULL &&
	       memmem(program, len, guid.bytes + 8, 8) != NULL;
}

/* edk2 TdTcg2Dxe, TdMapPcrToMrIndex. */
static unsigned rtmr_of(unsigned pcr)
{
	if (pcr == 1 || pcr == 7)
		return 0;
	return pcr < 8 ? 1 : 2;
}

int boot_log_extend(const struct boot_log *log, unsigned index, struct rtmr *rtmr, struct err *err)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct boot_event *event = &log->events[i];
		int rc;

		if (rtmr_of(event->pcr) != index)
			continue;
		if (event->unknown != NULL)
			return err_fail(err, -ENOTSUP, "%s: %s", event->what, event->unknown);
		rc = rtmr_digest(
			rtmr, event->kind, event->what, event->digest, event->size_bytes, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
