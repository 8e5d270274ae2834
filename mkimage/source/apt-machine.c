/* What this machine's apt knows of archives, keyrings and the network (apt.h; sources.list(5), apt-config(8)). */
#define _GNU_SOURCE
#include "mkimage/source/apt.h"

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/run.h"

#define SOURCES_MAX_BYTES (1u << 20) /* of one file */
#define SOURCES_MAX	  4096
#define CONFIG_MAX_BYTES  (4u << 20) /* of what apt-config prints */
#define BLANKS		  " \t\r"

void apt_sources_done(struct apt_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i].uri);
		free(sources->items[i].signed_by);
	}
	free(sources->items);
	*sources = (struct apt_sources){0};
}

/* Adds copies of @uri (trailing slashes cut) and of @signed_by (NULL: none). */
static int add_source(struct apt_sources *sources, const char *uri, size_t uri_len,
	const char *signed_by, struct err *err)
{
	struct apt_source source = {0}, *items;

	if (sources->count == SOURCES_MAX)
		return err_fail(err, -E2BIG, "more than %d apt sources", SOURCES_MAX);
	while (uri_len > 0 && uri[uri_len - 1] == '/')
		uri_len--;
	items = reallocarray(sources->items, sources->count + 1, sizeof(*items));
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	sources->items = items;
	source.uri = strndup(uri, uri_len);
	source.signed_by = signed_by != NULL ? strdup(signed_by) : NULL;
	items[sources->count++] = source;
	if (source.uri == NULL || (signed_by != NULL && source.signed_by == NULL))
		return err_fail(err, -ENOMEM, "out of memory");
	return 0;
}

/* One-line format */

/* The next word of *@at up to @end, without white space around it; NULL at the end. */
static const char *next_word(const char **at, const char *end, size_t *ret_len)
{
	const char *word;

	while (*at < end && isspace((unsigned char)**at))
		(*at)++;
	word = *at;
	while (*at < end && !isspace((unsigned char)**at))
		(*at)++;
	*ret_len = (size_t)(*at - word);
	return *ret_len > 0 ? word : NULL;
}

/* The value of signed-by among the words between brackets, malloc'ed; NULL when it is not there. */
static char *signed_by_option(const char *options, const char *end)
{
	static const char name[] = "signed-by=";
	const char *word;
	size_t n;

	while ((word = next_word(&options, end, &n)) != NULL) {
		if (n > strlen(name) && strncasecmp(word, name, strlen(name)) == 0)
			return strndup(word + strlen(name), n - strlen(name));
	}
	return NULL;
}

/* deb [ options ] URI SUITE COMPONENT... */
static int parse_line(
	const char *line, const char *end, struct apt_sources *sources, struct err *err)
{
	AUTO_FREE char *signed_by = NULL;
	const char *comment = memchr(line, '#', (size_t)(end - line));
	const char *word;
	size_t n;

	end = comment != NULL ? comment : end;
	word = next_word(&line, end, &n);
	if (word == NULL || n != 3 || memcmp(word, "deb", 3) != 0)
		return 0;
	line += strspn(line, BLANKS);
	if (line < end && *line == '[') {
		const char *close = memchr(line, ']', (size_t)(end - line));

		if (close == NULL)
			return 0;
		signed_by = signed_by_option(line + 1, close);
		line = close + 1;
	}
	word = next_word(&line, end, &n);
	return word != NULL ? add_source(sources, word, n, signed_by, err) : 0;
}

/* deb822 format */

struct stanza {
	char *types, *uris, *enabled, *signed_by;
};

static void stanza_done(struct stanza *stanza)
{
	free(stanza->types);
	free(stanza->uris);
	free(stanza->enabled);
	free(stanza->signed_by);
	*stanza = (struct stanza){0};
}

/* Where a field of that name is kept; NULL for one that does not matter here. */
static char **field_slot(struct stanza *stanza, const char *line)
{
	const struct {
		const char *name;
		char **slot;
	} fields[] = {
		{"Types:", &stanza->types},
		{"URIs:", &stanza->uris},
		{"Enabled:", &stanza->enabled},
		{"Signed-By:", &stanza->signed_by},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strncasecmp(line, fields[i].name, strlen(fields[i].name)) == 0)
			return fields[i].slot;
	}
	return NULL;
}

static bool has_word(const char *text, const char *wanted)
{
	const char *end = text + strlen(text), *word;
	size_t n;

	while ((word = next_word(&text, end, &n)) != NULL) {
		if (n == strlen(wanted) && strncasecmp(word, wanted, n) == 0)
			return true;
	}
	return false;
}

/* The values that apt takes for "no". */
static bool is_disabled(const char *enabled)
{
	static const char *const no[] = {"no", "false", "without", "off", "disable", "0"};

	for (size_t i = 0; enabled != NULL && i < sizeof(no) / sizeof(no[0]); i++) {
		if (has_word(enabled, no[i]))
			return true;
	}
	return false;
}

static int end_stanza(struct stanza *stanza, struct apt_sources *sources, struct err *err)
{
	const char *at = stanza->uris, *word;
	int rc = 0;
	size_t n;

	if (at != NULL && stanza->types != NULL && has_word(stanza->types, "deb") &&
		!is_disabled(stanza->enabled)) {
		const char *end = at + strlen(at);

		while (rc == 0 && (word = next_word(&at, end, &n)) != NULL)
			rc = add_source(sources, word, n, stanza->signed_by, err);
	}
	stanza_done(stanza);
	return rc;
}

/* Appends a line to the field's value, which keeps the newlines that a key block needs. */
static int append_line(char **slot, const char *text, size_t n, struct err *err)
{
	bool first = *slot == NULL;
	size_t old = first ? 0 : strlen(*slot);
	char *grown = realloc(*slot, old + n + 2);

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	*slot = grown;
	if (!first)
		grown[old++] = '\n';
	memcpy(grown + old, text, n);
	grown[old + n] = '\0';
	return 0;
}

static int parse_field(
	struct stanza *stanza, char ***current, const char *line, const char *end, struct err *err)
{
	bool continued = *line == ' ' || *line == '\t';

	if (*line == '#')
		return 0;
	if (!continued) {
		const char *colon = memchr(line, ':', (size_t)(end - line));

		*current = field_slot(stanza, line);
		line = colon != NULL ? colon + 1 : end;
		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
	}
	return *current != NULL ? append_line(*current, line, (size_t)(end - line), err) : 0;
}

static bool is_blank(const char *line, const char *end)
{
	while (line < end && strchr(BLANKS, *line) != NULL)
		line++;
	return line == end;
}

int apt_sources_parse(const char *text, const char *what, bool deb822, struct apt_sources *sources,
	struct err *err)
{
	struct stanza stanza = {0};
	char **current = NULL;
	int rc = 0;

	for (const char *line = text, *end; rc == 0 && *line != '\0'; line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		if (!deb822) {
			rc = parse_line(line, end, sources, err);
		} else if (is_blank(line, end)) {
			rc = end_stanza(&stanza, sources, err);
			current = NULL;
		} else {
			rc = parse_field(&stanza, &current, line, end, err);
		}
	}
	if (rc == 0)
		rc = end_stanza(&stanza, sources, err);
	stanza_done(&stanza);
	return rc != 0 ? err_wrap(err, "%s", what) : 0;
}

/* The machine */

static int read_sources_file(const char *path, struct apt_sources *sources, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = io_read_file(path, SOURCES_MAX_BYTES, &text, err);

	/* A source that this user may not read is none that this user's apt could use. */
	if (rc == -ENOENT || rc == -EACCES)
		return 0;
	if (rc != 0)
		return rc;
	return apt_sources_parse(
		buf_cstr(&text), path, fnmatch("*.sources", path, 0) == 0, sources, err);
}

static int is_sources_name(const struct dirent *entry)
{
	return fnmatch("*.list", entry->d_name, 0) == 0 ||
	       fnmatch("*.sources", entry->d_name, 0) == 0;
}

static int read_sources_dir(const char *dir, struct apt_sources *sources, struct err *err)
{
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, is_sources_name, alphasort);
	int rc = 0;

	for (int i = 0; i < count; i++) {
		BUF_AUTO path = {0};

		buf_fmt(&path, "%s/%s", dir, entries[i]->d_name);
		if (rc == 0)
			rc = buf_check(&path, err);
		if (rc == 0)
			rc = read_sources_file(buf_cstr(&path), sources, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* The value of NAME='VALUE' in what `apt-config shell` printed, unquoted and malloc'ed; NULL when it is not there. */
static char *shell_value(const char *text, const char *name)
{
	size_t n = strlen(name);
	char *value, *dst;

	while (strncmp(text, name, n) != 0 || text[n] != '=' || text[n + 1] != '\'') {
		text = strchr(text, '\n');
		if (text == NULL)
			return NULL;
		text++;
	}
	text += n + 2;
	value = strdup(text);
	dst = value;
	while (value != NULL && *text != '\0') {
		if (strncmp(text, "'\\''", 4) == 0)
			text += 3;
		else if (*text == '\'')
			break;
		*dst++ = *text++;
	}
	if (value != NULL)
		*dst = '\0';
	return value;
}

static int run_apt_config(const char *const *argv, struct run_result *ret, struct err *err)
{
	static const char *const env[] = {"LC_ALL=C", NULL};
	int rc = run_program(argv, env, CONFIG_MAX_BYTES, ret, err);

	if (rc == 0 && ret->status != 0)
		return err_fail(err, -EIO, "apt-config failed: %.200s", buf_cstr(&ret->err));
	return rc;
}

static int read_settings(struct apt_machine *machine, struct err *err)
{
	static const char *const argv[] = {"apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f",
		"PARTS", "Dir::Etc::sourceparts/d", "TRUSTED", "Dir::Etc::trusted/f",
		"TRUSTEDPARTS", "Dir::Etc::trustedparts/d", "HTTP", "Acquire::http::Proxy", "HTTPS",
		"Acquire::https::Proxy", "CA", "Acquire::https::CaInfo", NULL};
	AUTO_FREE char *list = NULL;
	AUTO_FREE char *parts = NULL;
	RUN_AUTO result = {0};
	const char *text;
	int rc = run_apt_config(argv, &result, err);

	if (rc != 0)
		return rc;
	text = buf_cstr(&result.out);
	list = shell_value(text, "LIST");
	parts = shell_value(text, "PARTS");
	machine->trusted = shell_value(text, "TRUSTED");
	machine->trusted_parts = shell_value(text, "TRUSTEDPARTS");
	machine->http_proxy = shell_value(text, "HTTP");
	machine->https_proxy = shell_value(text, "HTTPS");
	machine->ca_info = shell_value(text, "CA");
	if (list != NULL)
		rc = read_sources_file(list, &machine->sources, err);
	if (rc == 0 && parts != NULL)
		rc = read_sources_dir(parts, &machine->sources, err);
	return rc;
}

/* Keeps the lines of `apt-config dump` that say how HTTP servers are reached. */
static int read_transport(struct apt_machine *machine, struct err *err)
{
	static const char *const argv[] = {"apt-config", "dump", NULL};
	static const char *const kept[] = {"Acquire::http::", "Acquire::https::"};
	BUF_AUTO text = {0};
	RUN_AUTO result = {0};
	int rc = run_apt_config(argv, &result, err);

	for (const char *line = buf_cstr(&result.out), *end; rc == 0 && *line != '\0';
		line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			if (strncasecmp(line, kept[i], strlen(kept[i])) == 0)
				buf_fmt(&text, "%.*s\n", (int)(end - line), line);
		}
	}
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		machine->transport = strdup(buf_cstr(&text));
	return rc == 0 && machine->transport == NULL ? err_fail(err, -ENOMEM, "out of memory") : rc;
}

int apt_machine_read(struct apt_machine *ret, struct err *err)
{
	struct apt_machine machine = {0};
	int rc = read_settings(&machine, err);

	if (rc == 0)
		rc = read_transport(&machine, err);
	/* Without apt a mirror can still be named. */
	if (rc == -ENOENT)
		rc = 0;
	if (rc != 0)
		apt_machine_done(&machine);
	else
		*ret = machine;
	return rc;
}

void apt_machine_done(struct apt_machine *machine)
{
	apt_sources_done(&machine->sources);
	free(machine->trusted);
	free(machine->trusted_parts);
	free(machine->transport);
	free(machine->http_proxy);
	free(machine->https_proxy);
	free(machine->ca_info);
	*machine = (struct apt_machine){0};
}

/* Mirrors */

static bool is_url(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz+");

	for (const char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return false;
	}
	return n > 0 && text[n] == ':' && text[n + 1] == '/';
}

/* The URL of "ARCHIVE=URL" or "URL" when it is for @archive; NULL when it is for another. */
static const char *mirror_url(const char *mirror, const char *archive)
{
	const char *equals = strchr(mirror, '=');

	if (is_url(mirror))
		return mirror;
	if (equals == NULL || (size_t)(equals - mirror) != strlen(archive) ||
		strncmp(mirror, archive, strlen(archive)) != 0)
		return NULL;
	return equals + 1;
}

/* Whether the last component of @uri is @archive; a mirror list is named after its archive. */
static bool serves(const char *uri, const char *archive)
{
	const char *slash = strrchr(uri, '/');
	const char *base = slash != NULL ? slash + 1 : uri;
	size_t n = strlen(archive);

	return strncmp(base, archive, n) == 0 &&
	       (base[n] == '\0' || strcmp(base + n, ".list") == 0);
}

static const char *signed_by_of(const struct apt_machine *machine, const char *archive)
{
	for (size_t i = 0; i < machine->sources.count; i++) {
		if (serves(machine->sources.items[i].uri, archive))
			return machine->sources.items[i].signed_by;
	}
	return NULL;
}

static bool has_uri(const struct apt_sources *sources, const char *uri)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (strcmp(sources->items[i].uri, uri) == 0)
			return true;
	}
	return false;
}

int apt_mirrors(const struct apt_machine *machine, const char *const *mirrors, size_t mirror_count,
	const char *archive, struct apt_sources *ret, struct err *err)
{
	const char *signed_by = signed_by_of(machine, archive);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < mirror_count; i++) {
		const char *equals = strchr(mirrors[i], '=');
		const char *url = mirror_url(mirrors[i], archive);

		if (!is_url(mirrors[i]) && (equals == NULL || !is_url(equals + 1)))
			return err_fail(err, -EINVAL, "--mirror %.200s: not a URL nor ARCHIVE=URL",
				mirrors[i]);
		if (url != NULL)
			rc = add_source(ret, url, strlen(url), signed_by, err);
	}
	for (size_t i = 0; rc == 0 && i < machine->sources.count; i++) {
		const struct apt_source *source = &machine->sources.items[i];

		if (serves(source->uri, archive) && !has_uri(ret, source->uri))
			rc = add_source(
				ret, source->uri, strlen(source->uri), source->signed_by, err);
	}
	if (rc == 0 && ret->count == 0)
		return err_fail(err, -ENOENT,
			"no apt source of this machine serves the archive %s; name one: --mirror "
			"%s=URL",
			archive, archive);
	return rc;
}
