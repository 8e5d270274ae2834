/* Replaying event logs (replay.h). */
#include "measure/evidence/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tcglog.h"
#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/wr.h"
#include "measure/evidence/replay-event.h"

#define CCEL_REGISTERS 5	   /* MRTD, RTMR0-3 */
#define TYPE_DSTACK    0x08000001u /* its digest follows from its name and payload */

void replay_done(struct replay *replay)
{
	for (size_t i = 0; i < replay->count; i++)
		free(replay->events[i].what);
	free(replay->events);
	*replay = (struct replay){.events = NULL};
}

const char *replay_register_name(const struct replay *replay, unsigned reg)
{
	static const char *const ccel[CCEL_REGISTERS] = {
		"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	static const char *const pcrs[REPLAY_REGISTERS] = {"pcr0", "pcr1", "pcr2", "pcr3", "pcr4",
		"pcr5", "pcr6", "pcr7", "pcr8", "pcr9", "pcr10", "pcr11", "pcr12", "pcr13", "pcr14",
		"pcr15", "pcr16", "pcr17", "pcr18", "pcr19", "pcr20", "pcr21", "pcr22", "pcr23"};

	if (replay->tpm)
		return reg < REPLAY_REGISTERS ? pcrs[reg] : "?";
	return reg < CCEL_REGISTERS ? ccel[reg] : "?";
}

const char *replay_bound_name(enum replay_bound bound)
{
	static const char *const names[] = {"unbound", "part", "bound", "logged"};

	return names[bound];
}

static int make_room(struct replay *replay, struct err *err)
{
	size_t cap = replay->cap == 0 ? 64 : 2 * replay->cap;
	struct replay_event *events;

	if (replay->count < replay->cap)
		return 0;
	if (replay->count == REPLAY_EVENTS_MAX)
		return err_fail(err, -EBADMSG, "event log: more than %d events", REPLAY_EVENTS_MAX);
	events = realloc(replay->events, cap * sizeof(*events));
	if (events == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	replay->events = events;
	replay->cap = cap;
	return 0;
}

/* Adds an event and extends its register, unless it is only logged. @what moves into the event. */
static int add_event(
	struct replay *replay, const struct replay_event *event, struct buf *what, struct err *err)
{
	int rc = make_room(replay, err);

	if (rc != 0)
		return rc;
	if (what->len == 0)
		buf_str(what, "-");
	rc = buf_check(what, err);
	if (rc == 0 && event->bound != REPLAY_LOGGED) {
		rc = digest_extend(replay->alg, replay->value[event->reg], event->digest, err);
		replay->used[event->reg] = true;
	}
	if (rc != 0)
		return rc;
	replay->events[replay->count] = *event;
	replay->events[replay->count++].what = (char *)what->data;
	*what = (struct buf){.data = NULL};
	return 0;
}

/* --- binary logs --- */

static int add_binary(
	struct replay *replay, const struct tcglog_event *event, int bank, struct err *err)
{
	BUF_AUTO what = {0};
	struct replay_event entry = {
		.offset = event->offset, .reg = event->index, .type = event->type};
	unsigned limit = replay->tpm ? REPLAY_REGISTERS : CCEL_REGISTERS;
	const unsigned char *digest = event->digests[bank];
	int rc;

	if (event->type == TCGLOG_EV_NO_ACTION && event->index >= limit)
		entry.reg = 0; /* what is not extended may name any register */
	if (entry.reg >= limit ||
		(!replay->tpm && entry.reg == 0 && event->type != TCGLOG_EV_NO_ACTION))
		return err_fail(err, -EBADMSG,
			"event log: event at byte %zu extends register %" PRIu32, event->offset,
			event->index);
	if (digest == NULL && event->type != TCGLOG_EV_NO_ACTION)
		return err_fail(err, -EBADMSG, "event log: event at byte %zu has no %s digest",
			event->offset, digest_name(replay->alg));
	if (digest != NULL)
		memcpy(entry.digest, digest, digest_size(replay->alg));
	entry.type_name = tcglog_type_name(event->type);
	if (entry.type_name == NULL)
		entry.type_name = "unknown type";
	rc = replay_describe(event, replay->alg, entry.digest, &what, &entry.bound, err);
	return rc != 0 ? rc : add_event(replay, &entry, &what, err);
}

/* The bank to replay: the one that is named, else the first of a list that the log has. */
static int choose_bank(const struct tcglog *reader, const char *name, struct replay *replay,
	int *ret_bank, struct err *err)
{
	static const enum digest_alg tpm[] = {
		DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_SHA1};

	for (size_t i = 0; i < sizeof(tpm) / sizeof(tpm[0]); i++) {
		int bank = tcglog_bank(reader, tpm[i]);

		if (bank < 0 || (!replay->tpm && tpm[i] != DIGEST_SHA384) ||
			(name != NULL && strcmp(name, digest_name(tpm[i])) != 0))
			continue;
		replay->alg = tpm[i];
		*ret_bank = bank;
		return 0;
	}
	return err_fail(
		err, -EINVAL, "event log: no %s bank to replay", name != NULL ? name : "SHA-384");
}

static int replay_binary(const void *log, size_t len, enum replay_kind kind, const char *name,
	struct replay *replay, struct err *err)
{
	struct tcglog reader;
	struct tcglog_event event;
	int bank = 0;
	int rc = tcglog_open(log, len, &reader, err);

	if (rc != 0)
		return rc;
	replay->tpm = kind == REPLAY_TPM ||
		      (kind == REPLAY_AUTO &&
			      (reader.bank_count != 1 || tcglog_bank(&reader, DIGEST_SHA384) != 0));
	rc = choose_bank(&reader, name, replay, &bank, err);
	while (rc == 0 && (rc = tcglog_next(&reader, &event, err)) == 1)
		rc = add_binary(replay, &event, bank, err);
	return rc;
}

/* --- JSON --- */

struct json_event {
	uint64_t imr, type;
	const char *digest, *name, *payload;
};

static int read_json_event(
	const json_t *object, const char *at, struct json_event *ret, struct err *err)
{
	int rc = json_doc_u64(object, at, "imr", &ret->imr, err);

	if (rc == 0)
		rc = json_doc_u64(object, at, "event_type", &ret->type, err);
	if (rc == 0)
		rc = json_doc_str(object, at, "digest", &ret->digest, err);
	if (rc == 0)
		rc = json_doc_str(object, at, "event", &ret->name, err);
	if (rc == 0)
		rc = json_doc_str(object, at, "event_payload", &ret->payload, err);
	if (rc != 0)
		return rc;
	if (ret->imr > 3 || ret->type > UINT32_MAX)
		return err_fail(err, -EBADMSG, "%s: imr %" PRIu64 ", event_type %" PRIu64, at,
			ret->imr, ret->type);
	return 0;
}

/* Hex of any length into @ret. */
static int read_hex(
	const char *text, const char *at, const char *key, struct buf *ret, struct err *err)
{
	size_t n = strlen(text) / 2;
	void *to = buf_grow(ret, n);

	if (to == NULL)
		return buf_check(ret, err);
	if (!hex_decode(text, to, n))
		return err_fail(err, -EBADMSG, "%s.%s: no lowercase hex", at, key);
	return 0;
}

/* SHA-384 of u32 type, ":", name, ":", payload. */
static int dstack_digest(const struct json_event *event, const struct buf *payload,
	unsigned char *ret, struct err *err)
{
	BUF_AUTO bytes = {0};
	unsigned char type[4];
	struct wr wr = wr_init(type, sizeof(type));
	int rc;

	wr_le32(&wr, TYPE_DSTACK);
	buf_add(&bytes, type, sizeof(type));
	buf_fmt(&bytes, ":%s:", event->name);
	buf_add(&bytes, payload->data, payload->len);
	rc = buf_check(&bytes, err);
	return rc != 0 ? rc : digest_bytes(DIGEST_SHA384, bytes.data, bytes.len, ret, err);
}

static int describe_dstack(const struct json_event *event, const char *at,
	struct replay_event *entry, struct buf *what, struct err *err)
{
	BUF_AUTO payload = {0};
	unsigned char stated[SHA384_SIZE];
	int rc = read_hex(event->payload, at, "event_payload", &payload, err);

	if (rc == 0)
		rc = dstack_digest(event, &payload, entry->digest, err);
	if (rc != 0)
		return rc;
	if (event->digest[0] != '\0' && (!hex_decode(event->digest, stated, sizeof(stated)) ||
						memcmp(stated, entry->digest, sizeof(stated)) != 0))
		return err_fail(
			err, -EBADMSG, "%s.digest: not that of the event's name and payload", at);
	entry->type_name = "dstack event";
	entry->bound = REPLAY_BOUND;
	for (const char *c = event->name; *c != '\0'; c++)
		buf_fmt(what, "%c", *c >= 0x20 && *c < 0x7f ? *c : '?');
	if (payload.len > 0)
		buf_fmt(what, ": %s", event->payload);
	return 0;
}

static int describe_firmware(const struct json_event *event, const char *at, struct replay *replay,
	struct replay_event *entry, struct buf *what, struct err *err)
{
	BUF_AUTO payload = {0};
	struct tcglog_event binary = {.type = entry->type};
	int rc = read_hex(event->payload, at, "event_payload", &payload, err);

	if (rc != 0)
		return rc;
	if (!hex_decode(event->digest, entry->digest, SHA384_SIZE))
		return err_fail(err, -EBADMSG, "%s.digest: not 96 digits of lowercase hex", at);
	entry->type_name = tcglog_type_name(entry->type);
	if (entry->type_name == NULL)
		entry->type_name = "unknown type";
	if (payload.len == 0) {
		for (const char *c = event->name; *c != '\0'; c++)
			buf_fmt(what, "%c", *c >= 0x20 && *c < 0x7f ? *c : '?');
		return 0;
	}
	binary.data = payload.data;
	binary.size_bytes = (uint32_t)payload.len;
	return replay_describe(&binary, replay->alg, entry->digest, what, &entry->bound, err);
}

static int add_json(struct replay *replay, const json_t *object, size_t i, struct err *err)
{
	BUF_AUTO what = {0};
	char at[32];
	struct json_event event;
	struct replay_event entry = {.offset = i};
	int rc;

	snprintf(at, sizeof(at), "$[%zu]", i);
	rc = read_json_event(object, at, &event, err);
	if (rc != 0)
		return rc;
	entry.reg = (unsigned)event.imr + 1;
	entry.type = (uint32_t)event.type;
	rc = entry.type == TYPE_DSTACK ? describe_dstack(&event, at, &entry, &what, err)
				       : describe_firmware(&event, at, replay, &entry, &what, err);
	return rc != 0 ? rc : add_event(replay, &entry, &what, err);
}

static int replay_list(struct replay *replay, const json_t *list, struct err *err)
{
	if (!json_is_array(list))
		return err_fail(err, -EBADMSG, "$: no list of events");
	for (size_t i = 0; i < json_array_size(list); i++) {
		int rc = add_json(replay, json_array_get(list, i), i, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_evidence(struct replay *replay, const json_t *doc, struct err *err)
{
	BUF_AUTO bytes = {0};
	const char *hex = json_string_value(json_object_get(doc, "quote"));
	int rc;

	if (hex == NULL)
		return 0;
	rc = read_hex(hex, "$", "quote", &bytes, err);
	if (rc == 0)
		rc = quote_parse(bytes.data, bytes.len, &replay->evidence, err);
	if (rc != 0)
		return err_wrap(err, "$.quote");
	replay->has_evidence = true;
	return 0;
}

/* An object whose event_log is a list, or a string that holds one. */
static int replay_object(struct replay *replay, const json_t *doc, struct err *err)
{
	const json_t *log = json_object_get(doc, "event_log");
	JSON_AUTO *inner = NULL;
	int rc = read_evidence(replay, doc, err);

	if (rc == 0 && json_is_string(log)) {
		rc = json_doc_parse(json_string_value(log), json_string_length(log), "$.event_log",
			&inner, err);
		log = inner;
	}
	return rc != 0 ? rc : replay_list(replay, log, err);
}

static int replay_json(
	const void *log, size_t len, const char *what, struct replay *replay, struct err *err)
{
	JSON_AUTO *doc = NULL;
	int rc = json_doc_parse(log, len, what, &doc, err);

	if (rc != 0)
		return rc;
	replay->alg = DIGEST_SHA384;
	rc = json_is_object(doc) ? replay_object(replay, doc, err) : replay_list(replay, doc, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", what);
}

int replay_log(const void *log, size_t len, enum replay_kind kind, const char *bank,
	const char *what, struct replay *ret, struct err *err)
{
	REPLAY_AUTO_FREE replay = {.events = NULL};
	const unsigned char *first = log;
	int rc;

	if (len > 0 && (first[0] == '[' || first[0] == '{')) {
		rc = replay_json(log, len, what, &replay, err);
	} else {
		rc = replay_binary(log, len, kind, bank, &replay, err);
		if (rc != 0)
			rc = err_wrap(err, "%s", what);
	}
	if (rc != 0)
		return rc;
	*ret = replay;
	replay = (struct replay){.events = NULL};
	return 0;
}
