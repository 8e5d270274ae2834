/* Kernel configurations (kconfig.h). */
#define _GNU_SOURCE
#include "formats/kconfig.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX	"CONFIG_"
#define NOT_SET " is not set"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* A word of quoted text: what a backslash is before stands for itself. */
static bool is_quoted(const char *value)
{
	const char *at = value + 1;

	if (value[0] != '"')
		return false;
	while (*at != '\0' && *at != '"')
		at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	return at[0] == '"' && at[1] == '\0';
}

/* A number, y, m or n. */
static bool is_plain(const char *value)
{
	size_t sign = value[0] == '-';
	size_t hex = strncmp(value, "0x", 2) == 0 || strncmp(value, "0X", 2) == 0 ? 2 : 0;
	const char *digits = value + (hex > 0 ? hex : sign);

	if (strlen(value) == 1 && strchr("ymn", value[0]) != NULL)
		return true;
	return *digits != '\0' &&
	       strspn(digits, hex > 0 ? "0123456789abcdefABCDEF" : "0123456789") == strlen(digits);
}

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= KCONFIG_NAME_MAX && strspn(name, NAME_CHARS) == n;
}

/* "# CONFIG_NAME is not set": cuts the name out; false for any other comment. */
static bool parse_not_set(char *line, struct kconfig_option *ret)
{
	size_t n = strlen(line), tail = strlen(NOT_SET), head = strlen("# " PREFIX);

	if (strncmp(line, "# " PREFIX, head) != 0 || n <= head + tail ||
		strcmp(line + n - tail, NOT_SET) != 0)
		return false;
	line[n - tail] = '\0';
	ret->name = line + head;
	ret->value = "n";
	return true;
}

/* "CONFIG_NAME=VALUE". */
static bool parse_set(char *line, struct kconfig_option *ret)
{
	char *equals = strchr(line, '=');

	if (strncmp(line, PREFIX, strlen(PREFIX)) != 0 || equals == NULL)
		return false;
	*equals = '\0';
	ret->name = line + strlen(PREFIX);
	ret->value = equals + 1;
	return is_quoted(ret->value) || is_plain(ret->value);
}

static int compare_options(const void *a, const void *b)
{
	const struct kconfig_option *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static int add_line(
	struct kconfig *config, char *line, uint32_t number, const char *what, struct err *err)
{
	struct kconfig_option option = {.line = number};

	if (line[0] == '\0')
		return 0;
	if (line[0] == '#' && !parse_not_set(line, &option))
		return 0;
	if (line[0] != '#' && !parse_set(line, &option))
		return err_fail(err, -EBADMSG,
			"%s:%" PRIu32 ": neither a comment nor CONFIG_NAME=VALUE", what, number);
	if (!is_name(option.name))
		return err_fail(err, -EBADMSG, "%s:%" PRIu32 ": not the name of an option: %.100s",
			what, number, option.name);
	if (config->count == KCONFIG_OPTIONS_MAX)
		return err_fail(err, -EBADMSG, "%s:%" PRIu32 ": more than %d options", what, number,
			KCONFIG_OPTIONS_MAX);
	config->options[config->count++] = option;
	return 0;
}

/* Leaves the last line of each option. */
static int drop_earlier(
	struct kconfig *config, enum kconfig_kind kind, const char *what, struct err *err)
{
	size_t kept = 0;

	qsort(config->options, config->count, sizeof(*config->options), compare_options);
	for (size_t i = 0; i < config->count; i++) {
		const struct kconfig_option *option = &config->options[i];
		bool again = kept > 0 && strcmp(config->options[kept - 1].name, option->name) == 0;

		if (again && kind == KCONFIG_WHOLE)
			return err_fail(err, -EBADMSG, "%s:%" PRIu32 ": CONFIG_%s is there twice",
				what, option->line, option->name);
		config->options[again ? kept - 1 : kept] = *option;
		kept += !again;
	}
	config->count = kept;
	return 0;
}

static int parse_lines(struct kconfig *config, size_t len, const char *what, struct err *err)
{
	char *end = config->text + len;
	uint32_t number = 1;
	int rc = 0;

	for (char *line = config->text, *next; rc == 0 && line < end; line = next, number++) {
		char *stop = memchr(line, '\n', (size_t)(end - line));

		next = stop != NULL ? stop + 1 : end;
		if (stop != NULL)
			*stop = '\0';
		rc = add_line(config, line, number, what, err);
	}
	return rc;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

int kconfig_parse(const void *text, size_t len, enum kconfig_kind kind, const char *what,
	struct kconfig *ret, struct err *err)
{
	KCONFIG_AUTO config = {0};
	size_t lines;
	int rc;

	if (len > KCONFIG_BYTES_MAX)
		return err_fail(err, -EFBIG, "%s: a configuration of %zu bytes, limit %u", what,
			len, KCONFIG_BYTES_MAX);
	if (len > 0 && memchr(text, '\0', len) != NULL)
		return err_fail(err, -EBADMSG, "%s: has a NUL, so it is no configuration", what);
	lines = len > 0 ? count_lines(text, len) : 0;
	config.text = malloc(len + 1);
	config.options = calloc((lines < KCONFIG_OPTIONS_MAX ? lines : KCONFIG_OPTIONS_MAX) + 1,
		sizeof(*config.options));
	if (config.text == NULL || config.options == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (len > 0)
		memcpy(config.text, text, len);
	config.text[len] = '\0';
	rc = parse_lines(&config, len, what, err);
	if (rc == 0)
		rc = drop_earlier(&config, kind, what, err);
	if (rc == 0 && config.count == 0)
		rc = err_fail(err, -EBADMSG, "%s: has no options", what);
	if (rc != 0)
		return rc;
	*ret = config;
	config = (struct kconfig){0};
	return 0;
}

void kconfig_done(struct kconfig *config)
{
	free(config->text);
	free(config->options);
	*config = (struct kconfig){0};
}

static int compare_name(const void *name, const void *option)
{
	return strcmp(name, ((const struct kconfig_option *)option)->name);
}

const char *kconfig_value(const struct kconfig *config, const char *name)
{
	const struct kconfig_option *found = config->count == 0
						     ? NULL
						     : bsearch(name, config->options, config->count,
							       sizeof(*config->options),
							       compare_name);

	return found != NULL ? found->value : "n";
}

char kconfig_tristate(const struct kconfig *config, const char *name)
{
	const char *value = kconfig_value(config, name);

	return strcmp(value, "y") == 0 || strcmp(value, "m") == 0 ? value[0] : 'n';
}
