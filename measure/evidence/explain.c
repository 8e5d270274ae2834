/* Golden values against evidence: what matches, and what is known of the rest (explain.h). */
#define _GNU_SOURCE
#include "measure/evidence/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/evidence/diff-words.h"

#define INPUT_MAX     (256u << 20)
#define REGISTERS_MAX 10

static int no_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

/* --- findings and inputs, for the parts --- */

int explain_find(const struct explanation *explanation, const char *about, struct err *err,
	const char *fmt, ...)
{
	BUF_AUTO text = {0};
	va_list args;
	json_t *finding;

	va_start(args, fmt);
	buf_vfmt(&text, fmt, args);
	va_end(args);
	finding = json_pack("{s:s, s:s}", "about", about, "text", buf_cstr(&text));
	return json_array_append_new(explanation->findings, finding) == 0 ? 0 : no_memory(err);
}

static const json_t *input_of(const struct explanation *explanation, const char *name)
{
	return json_object_get(json_object_get(explanation->tuple, "inputs"), name);
}

int explain_input(
	const struct explanation *explanation, const char *name, char **ret, struct err *err)
{
	const json_t *input = input_of(explanation, name);
	const char *path = json_string_value(json_object_get(input, "path"));
	unsigned char want[SHA256_SIZE], got[SHA256_SIZE];
	AUTO_FREE char *full = NULL;
	int rc;

	*ret = NULL;
	if (path == NULL || explanation->request->dir == NULL)
		return 0;
	if (asprintf(&full, "%s/%s", explanation->request->dir, path) < 0) {
		full = NULL;
		return no_memory(err);
	}
	rc = json_doc_hex(input, "$.inputs", "sha256", want, sizeof(want), err);
	if (rc == 0)
		rc = io_digest_file(full, DIGEST_SHA256, got, NULL, err);
	if (rc == 0 && memcmp(want, got, sizeof(want)) != 0)
		rc = err_fail(err, -EKEYREJECTED, "%s: not the file that the tuple names", full);
	if (rc != 0)
		return rc;
	*ret = full;
	full = NULL;
	return 0;
}

int explain_cmdline(const struct explanation *explanation, struct buf *ret, struct err *err)
{
	const char *text = json_string_value(
		json_object_get(input_of(explanation, "cmdline"), "text"));
	AUTO_FREE char *path = NULL;
	int rc;

	if (text != NULL) {
		buf_str(ret, text);
		return buf_check(ret, err);
	}
	rc = explain_input(explanation, "cmdline", &path, err);
	if (rc == 0 && path != NULL)
		rc = io_read_file(path, INPUT_MAX, ret, err);
	else if (rc == 0 && input_of(explanation, "cmdline") != NULL)
		rc = err_fail(err, -ENOENT, "no build is there to read the command line from");
	return rc;
}

int explain_words(const struct explanation *explanation, const char *line, struct err *err)
{
	BUF_AUTO expected = {0};
	JSON_AUTO *changes = json_array();
	const json_t *change;
	size_t i;
	int rc = changes == NULL ? no_memory(err) : explain_cmdline(explanation, &expected, err);

	if (rc == 0)
		rc = diff_words(buf_cstr(&expected), line, changes, err);
	json_array_foreach(changes, i, change)
	{
		const char *was = json_string_value(json_object_get(change, "before"));
		const char *is = json_string_value(json_object_get(change, "after"));

		if (rc == 0 && was == NULL)
			rc = explain_find(explanation, "cmdline", err, "\"%s\" was added", is);
		else if (rc == 0 && is == NULL)
			rc = explain_find(explanation, "cmdline", err, "\"%s\" is missing", was);
		else if (rc == 0)
			rc = explain_find(
				explanation, "cmdline", err, "\"%s\" in place of \"%s\"", is, was);
	}
	return rc;
}

/* --- registers --- */

/* A value of the tuple beside the evidence's. */
struct pair {
	const char *name;
	const unsigned char *want, *got;
	size_t size;
	/* The low bits of numbers, in place of bytes. */
	bool is_number;
	uint64_t want_number, got_number;
};

struct pairs {
	struct pair items[REGISTERS_MAX];
	size_t count;
};

static void add_bytes(struct pairs *pairs, const char *name, const unsigned char *want,
	const unsigned char *got, size_t size)
{
	pairs->items[pairs->count++] = (struct pair){
		.name = name, .want = want, .got = got, .size = size};
}

static void add_number(struct pairs *pairs, const char *name, uint64_t want, uint64_t got)
{
	pairs->items[pairs->count++] = (struct pair){
		.name = name, .is_number = true, .want_number = want, .got_number = got};
}

static void pair_snp(
	const struct golden_entry *entry, const struct snp_report *report, struct pairs *ret)
{
	add_bytes(ret, "launch_digest", entry->launch_digest, report->measurement, SHA384_SIZE);
	if (entry->anchor.has)
		add_bytes(ret, "host_data", entry->anchor.bytes, report->host_data,
			sizeof(report->host_data));
	add_number(ret, "guest_policy", entry->guest_policy, report->policy);
	add_number(ret, "vmpl", entry->vmpl, report->vmpl);
}

static void pair_tdx(const struct golden_entry *entry, const struct quote *quote, struct pairs *ret)
{
	static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};

	add_bytes(ret, "mrtd", entry->mrtd, quote->mrtd, SHA384_SIZE);
	for (size_t i = 0; i < GOLDEN_RTMRS; i++) {
		if (entry->rtmr[i].has)
			add_bytes(ret, names[i], entry->rtmr[i].bytes, quote->rtmr[i], SHA384_SIZE);
	}
	if (entry->anchor.has)
		add_bytes(ret, "mrconfigid", entry->anchor.bytes, quote->mrconfigid, SHA384_SIZE);
	add_number(ret, "debug", entry->debug, quote->attributes & 1);
}

static bool agrees(const struct pair *pair)
{
	return pair->is_number ? pair->want_number == pair->got_number
			       : memcmp(pair->want, pair->got, pair->size) == 0;
}

static void pair_all(
	const struct explain_request *request, const struct golden_entry *entry, struct pairs *ret)
{
	ret->count = 0;
	if (request->is_snp)
		pair_snp(entry, &request->snp, ret);
	else
		pair_tdx(entry, &request->tdx, ret);
}

static size_t count_agreeing(const struct pairs *pairs)
{
	size_t n = 0;

	for (size_t i = 0; i < pairs->count; i++)
		n += agrees(&pairs->items[i]);
	return n;
}

/* The tuple that agrees in most values; the first of equals. */
static int find_nearest(
	const struct explain_request *request, const struct golden_entry **ret, struct err *err)
{
	const struct golden_entry *best = NULL;
	size_t best_score = 0;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		struct pairs pairs;
		size_t score;

		if ((entry->tee == GOLDEN_SNP) != request->is_snp ||
			(request->tuple != NULL && strcmp(request->tuple, entry->name) != 0))
			continue;
		pair_all(request, entry, &pairs);
		score = count_agreeing(&pairs);
		if (best == NULL || score > best_score) {
			best = entry;
			best_score = score;
		}
	}
	if (best == NULL && request->tuple != NULL)
		return err_fail(err, -EINVAL, "no tuple %s of the evidence's kind", request->tuple);
	if (best == NULL)
		return err_fail(err, -EINVAL, "no tuple of the evidence's kind");
	*ret = best;
	return 0;
}

static json_t *number_json(uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)number);
	return json_string(text);
}

static int add_registers(const struct pairs *pairs, json_t *list, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		json_t *want = pair->is_number ? number_json(pair->want_number)
					       : json_doc_hex_new(pair->want, pair->size);
		json_t *got = pair->is_number ? number_json(pair->got_number)
					      : json_doc_hex_new(pair->got, pair->size);

		if (json_array_append_new(list,
			    json_pack("{s:s, s:b, s:o, s:o}", "register", pair->name, "matches",
				    agrees(pair), "expected", want, "found", got)) != 0)
			return no_memory(err);
	}
	return 0;
}

/* Values that are no measurement say by themselves what is wrong. */
static int find_policy(
	const struct explanation *explanation, const struct pairs *pairs, struct err *err)
{
	static const struct {
		const char *name, *text;
	} meanings[] = {
		{"host_data", "another initdata document than the role's"},
		{"mrconfigid", "another initdata document than the role's"},
		{"guest_policy", "the guest was launched with another policy"},
		{"vmpl", "the report was asked for at another privilege level"},
		{"debug", "the TD's debug attribute: the host can read its memory when it is set"},
	};
	int rc = 0;

	for (size_t i = 0; i < pairs->count; i++) {
		for (size_t k = 0; rc == 0 && k < sizeof(meanings) / sizeof(*meanings); k++) {
			if (!agrees(&pairs->items[i]) &&
				strcmp(meanings[k].name, pairs->items[i].name) == 0)
				rc = explain_find(
					explanation, meanings[k].name, err, "%s", meanings[k].text);
		}
	}
	return rc;
}

static const json_t *find_tuple(const struct explain_request *request, const char *name)
{
	const json_t *tuple;
	size_t i;

	json_array_foreach(json_object_get(request->doc->json, "tuples"), i, tuple)
	{
		if (strcmp(json_string_value(json_object_get(tuple, "name")), name) == 0)
			return tuple;
	}
	return NULL;
}

int explain(const struct explain_request *request, json_t **ret, bool *ret_matches, struct err *err)
{
	struct explanation explanation = {.request = request};
	struct pairs pairs;
	bool matches;
	int rc = find_nearest(request, &explanation.entry, err);
	JSON_AUTO *doc = rc != 0 ? NULL
				 : json_pack("{s:s, s:s, s:s, s:[], s:[]}", "schema",
					   EXPLAIN_SCHEMA, "tuple", explanation.entry->name,
					   "evidence",
					   request->is_snp ? "SNP report" : request->tdx.kind,
					   "registers", "findings");

	if (rc != 0 || doc == NULL)
		return rc != 0 ? rc : no_memory(err);
	explanation.tuple = find_tuple(request, explanation.entry->name);
	explanation.findings = json_object_get(doc, "findings");
	pair_all(request, explanation.entry, &pairs);
	matches = count_agreeing(&pairs) == pairs.count;
	rc = add_registers(&pairs, json_object_get(doc, "registers"), err);
	if (rc == 0)
		rc = find_policy(&explanation, &pairs, err);
	if (rc == 0 && !matches)
		rc = request->is_snp ? explain_snp(&explanation, err)
				     : explain_tdx(&explanation, err);
	if (rc != 0)
		return rc;
	json_object_set_new(doc, "matches", json_boolean(matches));
	*ret_matches = matches;
	*ret = json_incref(doc);
	return 0;
}

/* --- text --- */

void explain_text(const json_t *doc, struct buf *ret)
{
	const json_t *item;
	size_t i;

	buf_fmt(ret, "%s, %s tuple %s\n", json_string_value(json_object_get(doc, "evidence")),
		json_is_true(json_object_get(doc, "matches")) ? "matches" : "nearest to",
		json_string_value(json_object_get(doc, "tuple")));
	json_array_foreach(json_object_get(doc, "registers"), i, item)
	{
		bool same = json_is_true(json_object_get(item, "matches"));

		buf_fmt(ret, "  %-7s %-14s %s\n", same ? "ok" : "DIFFERS",
			json_string_value(json_object_get(item, "register")),
			json_string_value(json_object_get(item, "found")));
		if (!same)
			buf_fmt(ret, "  %-7s %-14s %s\n", "", "expected",
				json_string_value(json_object_get(item, "expected")));
	}
	json_array_foreach(json_object_get(doc, "findings"), i, item)
	{
		buf_fmt(ret, "%s: %s\n", json_string_value(json_object_get(item, "about")),
			json_string_value(json_object_get(item, "text")));
	}
}
