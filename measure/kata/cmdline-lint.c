/*
 * What a measured guest should not have on its kernel command line (cmdline.h). Words are split as the kernel's
 * next_arg() does (lib/cmdline.c): at white space outside double quotes.
 */
#define _GNU_SOURCE
#include "measure/kata/cmdline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 1024
#define QUOTED	  60 /* characters of a word that a finding repeats */

struct word {
	const char *text;
	size_t len, key_len;
};

/* How a rule's value is compared. */
enum match {
	MATCH_ANY,
	MATCH_VALUE,
	MATCH_OTHER, /* any value but this one */
};

struct rule {
	const char *key;
	enum match match;
	const char *value;
	bool error;
	unsigned needs; /* CMDLINE_LINT_LOCKED: only in a locked image */
	const char *why;
};

#define CONSOLE	 "a root shell for the host"
#define EGRESS	 "the traffic of the guest's components goes to a place that the host can be"
#define REPLACES "another program runs in place of the one that was checked"

static const struct rule rules[] = {
	{"agent.debug_console", MATCH_ANY, NULL, true, CMDLINE_LINT_LOCKED, CONSOLE},
	{"agent.debug_console_vport", MATCH_ANY, NULL, true, CMDLINE_LINT_LOCKED, CONSOLE},
	{"agent.devmode", MATCH_ANY, NULL, true, CMDLINE_LINT_LOCKED, CONSOLE},
	{"agent.config_file", MATCH_ANY, NULL, false, 0, "the agent reads its settings elsewhere"},
	{"agent.server_addr", MATCH_ANY, NULL, false, 0, "the agent listens elsewhere"},
	{"agent.guest_components_procs", MATCH_ANY, NULL, false, 0,
		"decides which attestation components run"},
	{"agent.log", MATCH_VALUE, "debug", false, 0, "logs go to the host"},
	{"agent.log", MATCH_VALUE, "trace", false, 0, "logs go to the host"},
	{"agent.https_proxy", MATCH_ANY, NULL, false, 0, EGRESS},
	{"agent.no_proxy", MATCH_ANY, NULL, false, 0, EGRESS},
	{"init", MATCH_ANY, NULL, false, 0, REPLACES},
	{"rdinit", MATCH_ANY, NULL, false, 0, REPLACES},
	{"initrd", MATCH_ANY, NULL, false, 0, "names a file that the command line does not bind"},
	{"systemd.unit", MATCH_OTHER, "kata-containers.target", false, 0,
		"boots another target than Kata's"},
	{"systemd.debug-shell", MATCH_ANY, NULL, false, 0, CONSOLE},
	{"systemd.debug_shell", MATCH_ANY, NULL, false, 0, CONSOLE},
	{"systemd.run", MATCH_ANY, NULL, false, 0, REPLACES},
};

/* Keys that a line may hold several times. */
static const char *const repeatable[] = {"console", "systemd.mask", "earlycon", "module_blacklist"};

static void found(struct cmdline_findings *ret, bool error, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void found(struct cmdline_findings *ret, bool error, const char *fmt, ...)
{
	struct cmdline_finding *item = &ret->items[ret->count];
	va_list args;

	if (ret->count == CMDLINE_FINDINGS_MAX)
		return;
	item->error = error;
	va_start(args, fmt);
	vsnprintf(item->text, sizeof(item->text), fmt, args);
	va_end(args);
	ret->count++;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t split(const char *line, struct word *words)
{
	size_t count = 0;

	while (count < WORDS_MAX) {
		struct word *word = &words[count];
		bool quoted = false;
		const char *equals;

		while (is_space(*line))
			line++;
		if (*line == '\0')
			break;
		word->text = line;
		for (; *line != '\0' && (quoted || !is_space(*line)); line++)
			quoted ^= *line == '"';
		word->len = (size_t)(line - word->text);
		equals = memchr(word->text, '=', word->len);
		word->key_len = equals != NULL ? (size_t)(equals - word->text) : word->len;
		count++;
	}
	return count;
}

static bool has_key(const struct word *word, const char *key)
{
	return word->key_len == strlen(key) && memcmp(word->text, key, word->key_len) == 0;
}

static bool has_value(const struct word *word, const char *value)
{
	size_t len = strlen(value);

	return word->len == word->key_len + 1 + len &&
	       memcmp(word->text + word->key_len + 1, value, len) == 0;
}

static void apply_rule(const struct rule *rule, const struct word *word, unsigned flags,
	struct cmdline_findings *ret)
{
	if (!has_key(word, rule->key) || (rule->needs & ~flags) != 0)
		return;
	if (rule->match != MATCH_ANY &&
		has_value(word, rule->value) != (rule->match == MATCH_VALUE))
		return;
	found(ret, rule->error, "%.*s: %s", word->len > QUOTED ? QUOTED : (int)word->len,
		word->text, rule->why);
}

static void check_repeated(
	const struct word *words, size_t count, size_t at, struct cmdline_findings *ret)
{
	const struct word *word = &words[at];

	for (size_t i = 0; i < sizeof(repeatable) / sizeof(*repeatable); i++) {
		if (has_key(word, repeatable[i]))
			return;
	}
	for (size_t i = at + 1; i < count; i++) {
		if (words[i].key_len == word->key_len &&
			memcmp(words[i].text, word->text, word->key_len) == 0) {
			found(ret, false, "%.*s: given more than once, the last one counts",
				word->key_len > QUOTED ? QUOTED : (int)word->key_len, word->text);
			return;
		}
	}
}

static bool holds(const struct word *word, const char *text)
{
	return memmem(word->text, word->len, text, strlen(text)) != NULL;
}

/* The words of a dm-verity table after "verity": version, two devices, two block sizes, data blocks, start, algorithm,
 * root hash, salt, then options. */
static void check_verity(const struct word *word, struct cmdline_findings *ret)
{
	if (word->len <= word->key_len + 1 || word->text[word->key_len + 1] != '"') {
		found(ret, false,
			"dm-mod.create: not quoted, so the kernel ends it at its first space");
		return;
	}
	if (!holds(word, " verity ")) {
		found(ret, true,
			"dm-mod.create: no verity target, so nothing checks the root file system");
		return;
	}
	if (holds(word, "use_fec_from_device"))
		found(ret, true,
			"dm-mod.create: error correction changes data before it is checked");
	if (holds(word, "ignore_corruption") || holds(word, "ignore_zero_blocks"))
		found(ret, true, "dm-mod.create: corrupted blocks are let through");
	if (!holds(word, "panic_on_corruption") && !holds(word, "restart_on_corruption"))
		found(ret, false,
			"dm-mod.create: without panic_on_corruption a changed block is an I/O "
			"error, and the guest goes on");
}

static const struct word *last_of(const struct word *words, size_t count, const char *key)
{
	while (count-- > 0) {
		if (has_key(&words[count], key))
			return &words[count];
	}
	return NULL;
}

static void check_root(
	const struct word *words, size_t count, unsigned flags, struct cmdline_findings *ret)
{
	const struct word *verity = last_of(words, count, "dm-mod.create");
	const struct word *root = last_of(words, count, "root");

	if (verity != NULL)
		check_verity(verity, ret);
	if ((flags & CMDLINE_LINT_INITRD) != 0)
		return;
	if (verity == NULL && last_of(words, count, "roothash") == NULL &&
		last_of(words, count, "usrhash") == NULL)
		found(ret, true, "no root hash: the root file system is not measured");
	else if (verity != NULL && root != NULL && !has_value(root, "/dev/dm-0"))
		found(ret, true, "%.*s: not the verity device",
			root->len > QUOTED ? QUOTED : (int)root->len, root->text);
}

void cmdline_lint(const char *line, unsigned flags, struct cmdline_findings *ret)
{
	struct word words[WORDS_MAX];
	size_t count = split(line, words);

	ret->count = 0;
	if (strlen(line) > CMDLINE_MAX)
		found(ret, true, "%zu bytes: the kernel cuts the line after %d", strlen(line),
			CMDLINE_MAX);
	check_root(words, count, flags, ret);
	for (size_t i = 0; i < count; i++) {
		for (size_t rule = 0; rule < sizeof(rules) / sizeof(*rules); rule++)
			apply_rule(&rules[rule], &words[i], flags, ret);
		check_repeated(words, count, i, ret);
	}
}
