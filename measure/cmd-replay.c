/* assay replay: event logs of measured boot, and whether they explain the registers of a quote or
 * TD report. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/evidence/replay.h"

#define LOG_MAX	     (64u << 20)
#define EVIDENCE_MAX (1u << 20)

struct options {
	const char *evidence, *kind, *bank, *format;
};

static int read_kind(const char *text, enum replay_kind *ret, struct err *err)
{
	if (text == NULL)
		return 0;
	if (strcmp(text, "ccel") != 0 && strcmp(text, "tpm") != 0)
		return err_fail(err, -EINVAL, "--kind: ccel or tpm, not %s", text);
	*ret = strcmp(text, "ccel") == 0 ? REPLAY_CCEL : REPLAY_TPM;
	return 0;
}

static int read_evidence(const char *path, struct replay *replay, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc;

	if (path == NULL)
		return 0;
	if (replay->tpm)
		return err_fail(err, -EINVAL, "--evidence: a TPM's log has no registers in it");
	rc = io_read_file(path, EVIDENCE_MAX, &bytes, err);
	if (rc == 0 && quote_parse(bytes.data, bytes.len, &replay->evidence, err) != 0)
		rc = err_wrap(err, "%s", path);
	replay->has_evidence = rc == 0;
	return rc;
}

/* Whether the log explains RTMR @i of the evidence. */
static bool explains(const struct replay *replay, size_t i)
{
	return memcmp(replay->value[i + 1], replay->evidence.rtmr[i], QUOTE_MR_SIZE) == 0;
}

static bool explains_all(const struct replay *replay)
{
	for (size_t i = 0; i < QUOTE_RTMRS; i++)
		if (replay->has_evidence && !explains(replay, i))
			return false;
	return true;
}

/* --- text --- */

static void add_hex(struct buf *to, const char *name, const unsigned char *value, size_t n)
{
	char hex[DIGEST_HEX_MAX];

	hex_encode(value, n, hex);
	buf_fmt(to, "%s=%s\n", name, hex);
}

static void add_evidence_text(const struct replay *replay, struct buf *to)
{
	static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};

	buf_fmt(to, "\n%s:\n", replay->evidence.kind);
	add_hex(to, "mrtd", replay->evidence.mrtd, QUOTE_MR_SIZE);
	for (size_t i = 0; i < QUOTE_RTMRS; i++) {
		buf_fmt(to, "%-11s ", explains(replay, i) ? "explained" : "UNEXPLAINED");
		add_hex(to, names[i], replay->evidence.rtmr[i], QUOTE_MR_SIZE);
	}
	add_hex(to, "mrconfigid", replay->evidence.mrconfigid, QUOTE_MR_SIZE);
}

static void make_text(const struct replay *replay, struct buf *to)
{
	for (size_t i = 0; i < replay->count; i++) {
		const struct replay_event *event = &replay->events[i];

		buf_fmt(to, "%-5s  %-7s  %-32s  %s\n",
			event->bound == REPLAY_LOGGED ? "-"
						      : replay_register_name(replay, event->reg),
			replay_bound_name(event->bound), event->type_name, event->what);
	}
	buf_str(to, "\n");
	for (unsigned reg = 0; reg < REPLAY_REGISTERS; reg++)
		if (replay->used[reg])
			add_hex(to, replay_register_name(replay, reg), replay->value[reg],
				digest_size(replay->alg));
	if (replay->has_evidence)
		add_evidence_text(replay, to);
}

/* --- JSON --- */

static json_t *event_json(const struct replay *replay, const struct replay_event *event)
{
	json_t *object = json_pack("{s:s, s:I, s:s, s:s, s:I}", "type_name", event->type_name,
		"type", (json_int_t)event->type, "bound", replay_bound_name(event->bound), "what",
		event->what, "offset", (json_int_t)event->offset);

	if (object == NULL || event->bound == REPLAY_LOGGED)
		return object;
	json_object_set_new(
		object, "register", json_string(replay_register_name(replay, event->reg)));
	json_object_set_new(
		object, "digest", json_doc_hex_new(event->digest, digest_size(replay->alg)));
	return object;
}

static json_t *evidence_json(const struct replay *replay)
{
	static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	const struct quote *quote = &replay->evidence;
	json_t *explained = json_object();
	json_t *object = json_pack("{s:s, s:o, s:o, s:o}", "kind", quote->kind, "explained",
		explained, "mrtd", json_doc_hex_new(quote->mrtd, QUOTE_MR_SIZE), "mrconfigid",
		json_doc_hex_new(quote->mrconfigid, QUOTE_MR_SIZE));

	for (size_t i = 0; object != NULL && i < QUOTE_RTMRS; i++) {
		json_object_set_new(explained, names[i], json_boolean(explains(replay, i)));
		json_object_set_new(
			object, names[i], json_doc_hex_new(quote->rtmr[i], QUOTE_MR_SIZE));
	}
	return object;
}

static int make_json(const struct replay *replay, struct buf *to, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:{}, s:[]}", "schema", "assay-replay/1",
		"kind", replay->tpm ? "tpm" : "ccel", "algorithm", digest_name(replay->alg),
		"registers", "events");
	json_t *registers = json_object_get(doc, "registers");

	if (registers == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (unsigned reg = 0; reg < REPLAY_REGISTERS; reg++)
		if (replay->used[reg] &&
			json_object_set_new(registers, replay_register_name(replay, reg),
				json_doc_hex_new(replay->value[reg], digest_size(replay->alg))) !=
				0)
			return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < replay->count; i++)
		if (json_array_append_new(json_object_get(doc, "events"),
			    event_json(replay, &replay->events[i])) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	if (replay->has_evidence &&
		json_object_set_new(doc, "evidence", evidence_json(replay)) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	return json_doc_write(doc, to, err);
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	REPLAY_AUTO_FREE replay = {.events = NULL};
	BUF_AUTO log = {0};
	enum replay_kind kind = REPLAY_AUTO;
	bool json;
	int rc = cli_format(o->format, &json, err);

	(void)count;
	if (rc == 0)
		rc = read_kind(o->kind, &kind, err);
	if (rc == 0)
		rc = io_read_file(args[0], LOG_MAX, &log, err);
	if (rc == 0)
		rc = replay_log(log.data, log.len, kind, o->bank, args[0], &replay, err);
	if (rc == 0)
		rc = read_evidence(o->evidence, &replay, err);
	if (rc == 0 && json)
		rc = make_json(&replay, &ret->text, err);
	if (rc != 0)
		return rc;
	if (!json)
		make_text(&replay, &ret->text);
	return explains_all(&replay) ? 0 : ERR_EXIT_NO;
}

int cmd_replay(int argc, char **argv)
{
	struct options o = {.evidence = NULL};
	const struct opt opts[] = {
		{"evidence", 'e', OPT_STR, &o.evidence, "FILE",
			"TDX quote or TD report whose registers the log should explain"},
		{"kind", 0, OPT_STR, &o.kind, "ccel|tpm",
			"of a binary log; with SHA-384 alone a CCEL unless given"},
		{"bank", 0, OPT_STR, &o.bank, "ALGORITHM",
			"of a binary log, sha256 say; unless given SHA-384 of a CCEL, SHA-256 of a "
			"TPM's"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "replay LOG [--evidence FILE] [options]",
		.summary = "Replays an event log (CCEL, TPM, or JSON as dstack writes it): every "
			   "register, every event, and how far an event's data are bound by its "
			   "digest. Exits with 1 when the evidence has a register that the log "
			   "does not explain.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, run, &o);
}
