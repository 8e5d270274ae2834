/*
 * A simple grub.cfg, run (boot-grub-script.h). Lines go through the reader of GRUB's configuration
 * files, which drops those that start with '#', and then through its lexer; every command is
 * executed, and measured with its words, as soon as it has been read.
 */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/boot-grub-script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX     256
#define VARIABLES_MAX 256
#define ENTRIES_MAX   64
#define COMMANDS_MAX  4096
#define QUIET_BYTES   (128u << 10) /* of a partition, where file systems have their super blocks */

struct variable {
	char *name, *value; /* owned */
};

/* A menu entry: its words, the block with its braces last. */
struct entry {
	char *title, *id, *body; /* owned; id may be NULL */
	struct buf params;	 /* "setparams TITLE ..." */
	unsigned line;
};

struct script {
	const struct boot_disk *disk;
	const struct grub_image *image;
	struct buf *out;
	struct buf path; /* of grub.cfg */
	char device[32]; /* the system partition, "hd0,gpt1" */
	struct variable variables[VARIABLES_MAX];
	size_t variable_count;
	struct entry entries[ENTRIES_MAX];
	size_t entry_count;
	size_t commands;
	bool in_entry, has_kernel, booted;
	/* The text that is read. */
	const char *at;
	unsigned line;
};

static void script_done(struct script **slot)
{
	struct script *script = *slot;

	for (size_t i = 0; script != NULL && i < script->variable_count; i++) {
		free(script->variables[i].name);
		free(script->variables[i].value);
	}
	for (size_t i = 0; script != NULL && i < script->entry_count; i++) {
		free(script->entries[i].title);
		free(script->entries[i].id);
		free(script->entries[i].body);
		buf_done(&script->entries[i].params);
	}
	if (script != NULL)
		buf_done(&script->path);
	free(script);
}

#define refuse(script, err, ...) err_negative(refuse_line(script, err, __VA_ARGS__))

static int refuse_line(const struct script *script, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static int refuse_line(const struct script *script, struct err *err, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_fail(err, -ENOTSUP,
		"%s:%u: %s: a list of what GRUB does can say it (--grub-commands)",
		buf_cstr(&script->path), script->line, text);
}

/* --- variables --- */

static const char *get(const struct script *script, const char *name)
{
	for (size_t i = 0; i < script->variable_count; i++)
		if (strcmp(script->variables[i].name, name) == 0)
			return script->variables[i].value;
	return NULL;
}

static int put(struct script *script, const char *name, const char *value, struct err *err)
{
	char *copy = strdup(value);
	struct variable *variable = script->variables;

	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < script->variable_count; i++, variable++)
		if (strcmp(variable->name, name) == 0) {
			free(variable->value);
			variable->value = copy;
			return 0;
		}
	if (script->variable_count == VARIABLES_MAX) {
		free(copy);
		return refuse(script, err, "more than %d variables", VARIABLES_MAX);
	}
	variable->value = copy;
	variable->name = strdup(name);
	if (variable->name == NULL) {
		free(copy);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	script->variable_count++;
	return 0;
}

static bool name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool name_char(char c)
{
	return name_start(c) || (c >= '0' && c <= '9');
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	if (!name_start(text[0]))
		return 0;
	while (name_char(text[n]))
		n++;
	return n;
}

/* A variable whose change makes GRUB do more than keep it. */
static bool has_hook(const char *name)
{
	static const char *const names[] = {"prefix", "lang", "locale_dir", "secondary_locale_dir",
		"theme", "superusers", "check_signatures", "debug", "cmdpath", "fw_path",
		"lockdown", "shim_lock", "fallback", "chosen"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int assign(struct script *script, const char *text, struct err *err)
{
	size_t n = name_length(text);
	char name[64];
	const char *value = text + n + 1;
	size_t len;

	if (n == 0 || text[n] != '=' || n >= sizeof(name))
		return refuse(script, err, "\"%s\" assigns nothing", text);
	memcpy(name, text, n);
	name[n] = '\0';
	if (has_hook(name))
		return refuse(script, err, "a new value of %s", name);
	if (strcmp(name, "root") == 0) {
		len = strlen(value);
		if (len > 2 && value[0] == '(' && value[len - 1] == ')') {
			value++;
			len -= 2;
		}
		if (len != strlen(script->device) || strncmp(value, script->device, len) != 0)
			return refuse(script, err, "a root that is not the EFI system partition");
		value = script->device;
	}
	return put(script, name, value, err);
}

/* --- words --- */

/* Characters of a word that mean nothing else. */
static bool plain(char c)
{
	return name_char(c) || (c != '\0' && strchr("-./:,=+@%^()~", c) != NULL);
}

/* $NAME or ${NAME}, after the dollar. Without quotes a value must stay one word. */
static int expand(struct script *script, bool quoted, struct buf *ret, struct err *err)
{
	bool braces = *script->at == '{';
	const char *start = script->at + braces;
	size_t n = name_length(start);
	const char *value;
	char name[64];

	if (n == 0 || n >= sizeof(name) || (braces && start[n] != '}'))
		return refuse(script, err, "an expansion that is not of a variable");
	memcpy(name, start, n);
	name[n] = '\0';
	value = get(script, name);
	if (value == NULL)
		return refuse(script, err, "$%s, whose value is not known", name);
	for (const char *c = value; !quoted && *c != '\0'; c++)
		if (!plain(*c))
			return refuse(script, err, "$%s without quotes: more than a word", name);
	if (!quoted && *value == '\0')
		return refuse(script, err, "$%s without quotes: empty", name);
	buf_str(ret, value);
	script->at = start + n + braces;
	return 0;
}

static int read_quoted(struct script *script, struct buf *ret, struct err *err)
{
	char quote = *script->at++;

	while (*script->at != quote) {
		char c = *script->at;
		int rc;

		if (c == '\0' || c == '\n')
			return refuse(script, err, "a quote that goes beyond its line");
		script->at++;
		if (quote == '"' && c == '$') {
			rc = expand(script, true, ret, err);
			if (rc != 0)
				return rc;
			continue;
		}
		if (quote == '"' && c == '\\') {
			c = *script->at++;
			if (c != '"' && c != '\\' && c != '$')
				return refuse(script, err, "an unknown escape in quotes");
		}
		buf_add(ret, &c, 1);
	}
	script->at++;
	return 0;
}

static void skip_blanks(struct script *script)
{
	for (;;) {
		if (script->at[0] == '\\' && script->at[1] == '\n') {
			script->line++;
			script->at += 2;
		} else if (*script->at == ' ' || *script->at == '\t') {
			script->at++;
		} else {
			return;
		}
	}
}

static bool ends_command(char c)
{
	return c == '\0' || c == '\n' || c == ';';
}

static int read_word(struct script *script, struct buf *ret, struct err *err)
{
	while (!ends_command(*script->at) && *script->at != ' ' && *script->at != '\t') {
		char c = *script->at;
		int rc = 0;

		if (c == '\'' || c == '"') {
			rc = read_quoted(script, ret, err);
		} else if (c == '$') {
			script->at++;
			rc = expand(script, false, ret, err);
		} else if (c == '\\') {
			c = *++script->at;
			if (c < ' ' || c > '~')
				return refuse(script, err, "a backslash before no character");
			buf_add(ret, &c, 1);
			script->at++;
		} else if (plain(c)) {
			buf_add(ret, &c, 1);
			script->at++;
		} else {
			return refuse(
				script, err, "'%c' without quotes", c >= ' ' && c <= '~' ? c : '?');
		}
		if (rc != 0)
			return rc;
	}
	return buf_check(ret, err);
}

/* A block in braces as it stands, braces included. */
static int read_block(struct script *script, struct buf *ret, struct err *err)
{
	const char *start = script->at;
	unsigned depth = 0;
	char quote = '\0';

	do {
		char c = *script->at;

		if (c == '\0')
			return refuse(script, err, "a block without end");
		script->line += c == '\n';
		if (c == '\\' && quote != '\'' && script->at[1] != '\0') {
			script->line += script->at[1] == '\n';
			script->at++;
		} else if (quote != '\0') {
			quote = c == quote ? '\0' : quote;
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else if (c == '#') {
			return refuse(script, err, "'#' in a block");
		} else {
			depth += c == '{';
			depth -= c == '}';
		}
		script->at++;
	} while (depth > 0);
	buf_add(ret, start, (size_t)(script->at - start));
	return buf_check(ret, err);
}

struct words {
	char *items[WORDS_MAX]; /* owned */
	size_t count;
	bool block; /* the last one is */
};

static void words_done(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->items[i]);
}

static int add_word(struct script *script, struct words *words, struct err *err)
{
	BUF_AUTO word = {0};
	int rc;

	if (words->count == WORDS_MAX)
		return refuse(script, err, "more than %d words", WORDS_MAX);
	words->block = *script->at == '{';
	if (words->block && (words->count == 0 || strcmp(words->items[0], "menuentry") != 0))
		return refuse(script, err, "a block of no menu entry");
	rc = words->block ? read_block(script, &word, err) : read_word(script, &word, err);
	if (rc != 0)
		return rc;
	words->items[words->count] = strdup(buf_cstr(&word));
	if (words->items[words->count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	words->count++;
	return 0;
}

/* The words of the next command; none at the end of the text. */
static int read_command(struct script *script, struct words *words, struct err *err)
{
	for (;;) {
		skip_blanks(script);
		if (*script->at == '#')
			script->at += strcspn(script->at, "\n");
		if (*script->at == '\0' || !ends_command(*script->at))
			break;
		script->line += *script->at == '\n';
		script->at++;
	}
	while (!ends_command(*script->at)) {
		int rc = add_word(script, words, err);

		if (rc != 0)
			return rc;
		skip_blanks(script);
		if (*script->at == '#')
			script->at += strcspn(script->at, "\n");
		if (words->block && !ends_command(*script->at))
			return refuse(script, err, "words after a block");
	}
	return 0;
}

/* --- what is measured --- */

static void put_escaped(struct buf *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n' || *text == '\t' || *text == '\\')
			buf_str(to, *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : "\\\\");
		else
			buf_add(to, text, 1);
	}
}

static int say(struct script *script, const char *kind, const char *text, struct err *err)
{
	buf_str(script->out, kind);
	put_escaped(script->out, text);
	buf_str(script->out, "\n");
	return buf_check(script->out, err);
}

static int say_command(struct script *script, const struct words *words, struct err *err)
{
	BUF_AUTO text = {0};
	int rc;

	for (size_t i = 0; i < words->count; i++)
		buf_fmt(&text, "%s%s", i > 0 ? " " : "", words->items[i]);
	rc = buf_check(&text, err);
	return rc != 0 ? rc : say(script, "grub_cmd: ", buf_cstr(&text), err);
}

/* A file by its name in the script; it must be on the system partition. */
static int open_file(struct script *script, const char *name, bool *ret_found, struct err *err)
{
	size_t n = strlen(script->device);
	const char *path = name;

	if (name[0] == '(' && strncmp(name + 1, script->device, n) == 0 && name[n + 1] == ')')
		path = name + n + 2;
	if (path[0] != '/' || strchr(path, ' ') != NULL)
		return refuse(script, err, "\"%s\" is no file of the EFI system partition", name);
	return boot_disk_has(script->disk, path + 1, ret_found, err);
}

static int measure_file(struct script *script, const char *name, struct err *err)
{
	bool found;
	int rc = open_file(script, name, &found, err);

	if (rc == 0 && !found)
		return refuse(script, err, "there is no %s", name);
	return rc != 0 ? rc : say(script, "file: ", name, err);
}

/* --- commands --- */

typedef int command_fn(struct script *script, const struct words *words, struct err *err);

static int do_nothing(struct script *script, const struct words *words, struct err *err)
{
	(void)script;
	(void)words;
	(void)err;
	return 0;
}

static int do_set(struct script *script, const struct words *words, struct err *err)
{
	if (words->count != 2)
		return refuse(script, err, "set with more than an assignment");
	return assign(script, words->items[1], err);
}

static int do_insmod(struct script *script, const struct words *words, struct err *err)
{
	if (words->count != 2 || grub_image_module(script->image, words->items[1]).bad)
		return refuse(script, err, "a module that is not in GRUB's image");
	return 0;
}

static int do_terminal(struct script *script, const struct words *words, struct err *err)
{
	for (size_t i = 1; i < words->count; i++)
		if (strcmp(words->items[i], "console") != 0 &&
			strcmp(words->items[i], "serial") != 0)
			return refuse(script, err, "a terminal other than console and serial");
	return 0;
}

/* Whether no other partition can hold a file system, so that a search finds nothing there. */
static bool alone(const struct boot_disk *disk)
{
	for (size_t i = 0; i < disk->gpt->count; i++) {
		const struct gpt_partition *partition = &disk->gpt->partitions[i];
		const unsigned char *at = (const unsigned char *)disk->bytes +
					  partition->start_sector * GPT_SECTOR_SIZE;
		uint64_t n = partition->sector_count * GPT_SECTOR_SIZE;

		for (uint64_t k = 0; i != disk->esp && k < n && k < QUIET_BYTES; k++)
			if (at[k] != 0)
				return false;
	}
	return true;
}

static int do_search(struct script *script, const struct words *words, struct err *err)
{
	const char *name = NULL, *variable = NULL;
	bool by_file = false;
	BUF_AUTO text = {0};
	int rc;

	for (size_t i = 1; i < words->count; i++) {
		const char *word = words->items[i];

		if (strcmp(word, "--file") == 0 || strcmp(word, "-f") == 0)
			by_file = true;
		else if (strncmp(word, "--set=", 6) == 0)
			variable = word + 6;
		else if (word[0] == '-' && strcmp(word, "--no-floppy") != 0)
			return refuse(script, err, "search %s", word);
		else if (word[0] != '-')
			name = name == NULL ? word : "";
	}
	if (!by_file || name == NULL || name[0] != '/' || variable == NULL)
		return refuse(script, err, "a search that is not --file NAME --set=VARIABLE");
	if (!alone(script->disk))
		return refuse(script, err, "a search, for other partitions are not empty");
	buf_fmt(&text, "(%s)%s", script->device, name);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = measure_file(script, buf_cstr(&text), err);
	buf_done(&text);
	buf_fmt(&text, "%s=%s", variable, script->device);
	if (rc == 0)
		rc = buf_check(&text, err);
	return rc != 0 ? rc : assign(script, buf_cstr(&text), err);
}

/* A word of the kernel's command line: in quotes when it has a blank, quotes and backslashes with a
 * backslash before them. */
static void put_argument(struct buf *to, const char *word)
{
	bool blank = strchr(word, ' ') != NULL;

	buf_str(to, blank ? "\"" : "");
	for (; *word != '\0'; word++) {
		if (*word == '\\' || *word == '\'' || *word == '"')
			buf_str(to, "\\");
		buf_add(to, word, 1);
	}
	buf_str(to, blank ? "\"" : "");
}

static int do_linux(struct script *script, const struct words *words, struct err *err)
{
	BUF_AUTO text = {0};
	int rc;

	if (words->count < 2)
		return refuse(script, err, "linux without a kernel");
	rc = measure_file(script, words->items[1], err);
	for (size_t i = 1; i < words->count; i++) {
		buf_str(&text, i > 1 ? " " : "");
		put_argument(&text, words->items[i]);
	}
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		rc = say(script, "kernel_cmdline: ", buf_cstr(&text), err);
	script->has_kernel = rc == 0;
	return rc;
}

static int do_initrd(struct script *script, const struct words *words, struct err *err)
{
	int rc = 0;

	if (!script->has_kernel)
		return refuse(script, err, "an initrd without a kernel");
	for (size_t i = 1; i < words->count && rc == 0; i++)
		rc = measure_file(script, words->items[i], err);
	return rc;
}

static int do_boot(struct script *script, const struct words *words, struct err *err)
{
	if (!script->has_kernel || words->count != 1)
		return refuse(script, err, "boot without a kernel");
	script->booted = true;
	return 0;
}

/* menuentry TITLE [--class NAME] [--id NAME] [--unrestricted] {...} */
static int do_menuentry(struct script *script, const struct words *words, struct err *err)
{
	struct entry *entry = &script->entries[script->entry_count];
	const char *id = NULL;

	if (script->in_entry || !words->block)
		return refuse(script, err, "a menu entry of another form");
	if (script->entry_count == ENTRIES_MAX)
		return refuse(script, err, "more than %d menu entries", ENTRIES_MAX);
	*entry = (struct entry){.line = script->line};
	script->entry_count++;
	buf_str(&entry->params, "setparams");
	for (size_t i = 1; i + 1 < words->count; i++) {
		const char *word = words->items[i];
		bool takes = strcmp(word, "--class") == 0 || strcmp(word, "--id") == 0;

		if (strcmp(word, "--unrestricted") == 0)
			continue;
		if (takes && i + 2 < words->count) {
			i++;
			id = strcmp(word, "--id") == 0 ? words->items[i] : id;
			continue;
		}
		if (word[0] == '-')
			return refuse(script, err, "menuentry %s", word);
		if (entry->title == NULL)
			entry->title = strdup(word);
		buf_fmt(&entry->params, " %s", word);
	}
	if (entry->title == NULL)
		return refuse(script, err, "a menu entry without a title");
	entry->id = id != NULL ? strdup(id) : NULL;
	entry->body = strdup(words->items[words->count - 1]);
	if (entry->body == NULL || (id != NULL && entry->id == NULL))
		return err_fail(err, -ENOMEM, "out of memory");
	return buf_check(&entry->params, err);
}

static const struct {
	const char *name;
	command_fn *fn;
} commands[] = {
	{"set", do_set},
	{"export", do_nothing},
	{"echo", do_nothing},
	{"insmod", do_insmod},
	{"search", do_search},
	{"terminal_input", do_terminal},
	{"terminal_output", do_terminal},
	{"linux", do_linux},
	{"initrd", do_initrd},
	{"boot", do_boot},
	{"menuentry", do_menuentry},
};

static int run_command(struct script *script, const struct words *words, struct err *err)
{
	const char *name = words->items[0];
	size_t i = 0;
	int rc;

	if (script->commands++ == COMMANDS_MAX)
		return refuse(script, err, "more than %d commands", COMMANDS_MAX);
	while (i < sizeof(commands) / sizeof(commands[0]) && strcmp(name, commands[i].name) != 0)
		i++;
	if (i == sizeof(commands) / sizeof(commands[0]) && name[name_length(name)] != '=')
		return refuse(script, err, "the command %s", name);
	rc = say_command(script, words, err);
	if (rc != 0)
		return rc;
	if (i < sizeof(commands) / sizeof(commands[0]))
		return commands[i].fn(script, words, err);
	return words->count == 1 ? assign(script, name, err)
				 : refuse(script, err, "words after an assignment");
}

static int run_text(struct script *script, const char *text, unsigned line, struct err *err)
{
	int rc = 0;

	script->at = text;
	script->line = line;
	while (rc == 0 && !script->booted) {
		__attribute__((cleanup(words_done))) struct words words = {.count = 0};

		rc = read_command(script, &words, err);
		if (rc != 0 || words.count == 0)
			return rc;
		rc = run_command(script, &words, err);
	}
	return rc;
}

/* --- the menu --- */

static const struct entry *default_entry(const struct script *script)
{
	const char *wanted = get(script, "default");
	char *end;
	unsigned long n;

	if (wanted == NULL)
		return &script->entries[0];
	n = strtoul(wanted, &end, 10);
	if (end != wanted && *end == '\0')
		return n < script->entry_count ? &script->entries[n] : NULL;
	for (size_t i = 0; i < script->entry_count; i++) {
		const struct entry *entry = &script->entries[i];

		if (strcmp(entry->title, wanted) == 0 ||
			(entry->id != NULL && strcmp(entry->id, wanted) == 0))
			return entry;
	}
	return NULL;
}

static int run_menu(struct script *script, struct err *err)
{
	const struct entry *entry = default_entry(script);
	const char *timeout = get(script, "timeout");
	BUF_AUTO body = {0};
	int rc;

	if (script->entry_count == 0)
		return refuse(script, err, "no menu entry");
	if (timeout == NULL || timeout[0] < '0' || timeout[0] > '9')
		return refuse(script, err, "no timeout, so that GRUB waits");
	if (entry == NULL)
		return refuse(script, err, "a default that is no menu entry");
	rc = say(script, "grub_cmd: ", buf_cstr(&entry->params), err);
	if (rc != 0)
		return rc;
	buf_add(&body, entry->body + 1, strlen(entry->body) - 2);
	rc = buf_check(&body, err);
	if (rc != 0)
		return rc;
	script->in_entry = true;
	rc = run_text(script, buf_cstr(&body), entry->line, err);
	if (rc == 0 && !script->has_kernel)
		return refuse(script, err, "a menu entry that loads no kernel");
	return rc;
}

/* --- the file --- */

/* Takes the lines out that start with '#', but for their ends, which counting needs. */
static int read_config(struct script *script, struct buf *ret, struct err *err)
{
	BUF_AUTO raw = {0};
	const char *path = strchr(buf_cstr(&script->path), '/');
	const char *at;
	int rc = boot_disk_read(script->disk, path + 1, &raw, err);

	if (rc != 0)
		return rc;
	if (raw.len > BOOT_GRUB_CONFIG_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u bytes", path, BOOT_GRUB_CONFIG_MAX);
	for (size_t i = 0; i < raw.len; i++)
		if ((raw.data[i] < ' ' && raw.data[i] != '\n' && raw.data[i] != '\t') ||
			raw.data[i] > '~')
			return err_fail(
				err, -ENOTSUP, "%s: byte %zu is no printable ASCII", path, i);
	for (at = buf_cstr(&raw); *at != '\0';) {
		size_t n = strcspn(at, "\n");

		if (at[0] != '#')
			buf_add(ret, at, n);
		at += n;
		if (*at == '\n') {
			buf_str(ret, "\n");
			at++;
		}
	}
	return buf_check(ret, err);
}

/* What GRUB would read besides grub.cfg. */
static int check_prefix(struct script *script, const char *prefix, struct err *err)
{
	static const char *const names[] = {"x86_64-efi", "locale"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		BUF_AUTO path = {0};
		bool found = false;
		int rc;

		buf_fmt(&path, "%s/%s", prefix + 1, names[i]);
		rc = buf_check(&path, err);
		if (rc == 0)
			rc = boot_disk_has(script->disk, buf_cstr(&path), &found, err);
		if (rc != 0)
			return rc;
		if (found)
			return refuse(
				script, err, "%s/%s, which GRUB looks into", prefix, names[i]);
	}
	return 0;
}

static int start(struct script *script, struct err *err)
{
	static const char *const known[][2] = {{"grub_platform", "efi"}, {"grub_cpu", "x86_64"}};
	const char *prefix = script->image->prefix;
	struct rd normal = grub_image_module(script->image, "normal");
	BUF_AUTO value = {0};
	int rc;

	if (script->image->has_config || prefix[0] != '/')
		return err_fail(err, -ENOTSUP,
			"this GRUB image %s: a list of what GRUB does is needed (--grub-commands)",
			prefix[0] == '/' ? "holds commands of its own"
					 : "does not take grub.cfg from where it was started");
	if (normal.bad)
		return err_fail(err, -ENOTSUP, "this GRUB image has no normal module");
	buf_fmt(&script->path, "(%s)%s/grub.cfg", script->device, prefix);
	buf_fmt(&value, "(%s)%s", script->device, prefix);
	rc = buf_check(&script->path, err);
	if (rc == 0)
		rc = buf_check(&value, err);
	if (rc == 0)
		rc = check_prefix(script, prefix, err);
	if (rc == 0)
		rc = put(script, "prefix", buf_cstr(&value), err);
	if (rc == 0)
		rc = put(script, "root", script->device, err);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && rc == 0; i++)
		rc = put(script, known[i][0], known[i][1], err);
	if (rc == 0)
		rc = say(script, "file: ", buf_cstr(&script->path), err);
	/* Debian's and Ubuntu's look whether it is there by opening it. */
	if (rc == 0 && memmem(normal.base, normal.len, "fw_path", 8) != NULL)
		rc = say(script, "file: ", buf_cstr(&script->path), err);
	return rc;
}

int boot_grub_run(const struct boot_disk *disk, const struct grub_image *image, struct buf *ret,
	struct err *err)
{
	__attribute__((cleanup(script_done))) struct script *script = calloc(1, sizeof(*script));
	BUF_AUTO text = {0};
	int rc;

	if (script == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	script->disk = disk;
	script->image = image;
	script->out = ret;
	snprintf(script->device, sizeof(script->device), "hd0,gpt%u",
		gpt_number(disk->bytes, disk->esp));
	rc = start(script, err);
	if (rc == 0)
		rc = read_config(script, &text, err);
	if (rc == 0)
		rc = run_text(script, buf_cstr(&text), 1, err);
	if (rc != 0 || script->booted)
		return rc;
	return run_menu(script, err);
}
