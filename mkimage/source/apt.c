/* Resolving a recipe's package sets with apt in an isolated configuration (apt.h; apt.conf(5), apt-get(8), apt-cache(8)). */
#define _GNU_SOURCE
#include "mkimage/source/apt.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/run.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define OUTPUT_MAX   (64u << 20) /* of one apt program */
#define NAMES_MAX    16384	 /* packages of one set */
#define SHOW_AT_ONCE 512	 /* packages asked for by one apt-cache show */
#define ARGV_FIXED   16

/* An apt that knows one suite alone. */
struct session {
	const struct apt_options *options;
	const struct recipe *recipe;
	char *dir;	/* absolute */
	char *env_conf; /* "APT_CONFIG=..." */
	int lock_fd;
	/* Of the current suite. Each suite has a package cache of its own, which apt would otherwise build anew
	 * whenever the suite changes. */
	char *options_of_suite[3];
	const struct recipe_suite *suite;
	struct apt_machine machine;
};

static void session_done(struct session *session)
{
	free(session->dir);
	free(session->env_conf);
	for (size_t i = 0; i < ARRAY_SIZE(session->options_of_suite); i++)
		free(session->options_of_suite[i]);
	io_close(&session->lock_fd);
	apt_machine_done(&session->machine);
}

/* Configuration */

static int no_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

static int make_dirs(const struct session *session, struct err *err)
{
	static const char *const dirs[] = {"lists/partial", "cache/archives/partial", "sources"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(dirs); i++) {
		BUF_AUTO path = {0};

		buf_fmt(&path, "%s/%s", session->dir, dirs[i]);
		rc = buf_check(&path, err);
		if (rc == 0)
			rc = io_mkdirs(buf_cstr(&path), err);
	}
	return rc;
}

/* Writes a file of the session, unless it holds that text: apt builds its caches anew for newer sources. */
static int publish(
	const struct session *session, const char *name, const struct buf *text, struct err *err)
{
	BUF_AUTO path = {0};
	BUF_AUTO old = {0};
	struct err ignored = {0};
	int rc = buf_check(text, err);

	buf_fmt(&path, "%s/%s", session->dir, name);
	if (rc == 0)
		rc = buf_check(&path, err);
	if (rc != 0)
		return rc;
	if (io_read_file(buf_cstr(&path), text->len, &old, &ignored) == 0 && old.len == text->len &&
		memcmp(buf_cstr(&old), buf_cstr(text), text->len) == 0)
		return 0;
	return io_publish(buf_cstr(&path), buf_cstr(text), text->len, err);
}

/* apt.conf: everything that could make one machine's apt answer differently from another's is set here. */
static int write_config(const struct session *session, struct err *err)
{
	const struct apt_machine *machine = &session->machine;
	const char *dir = session->dir;
	BUF_AUTO text = {0};
	BUF_AUTO empty = {0};
	int rc;

	buf_fmt(&text,
		"Dir::State \"%s\";\nDir::State::status \"%s/status\";\nDir::State::lists "
		"\"%s/lists\";\n"
		"Dir::State::extended_states \"%s/extended_states\";\nDir::Cache "
		"\"%s/cache\";\nDir::Log \"%s/log\";\n",
		dir, dir, dir, dir, dir, dir);
	buf_str(&text, "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n"
		       "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"/dev/null\";\n"
		       "Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts "
		       "\"/dev/null\";\n");
	if (machine->trusted != NULL && machine->trusted_parts != NULL)
		buf_fmt(&text, "Dir::Etc::trusted \"%s\";\nDir::Etc::trustedparts \"%s\";\n",
			machine->trusted, machine->trusted_parts);
	buf_fmt(&text, "APT::Architecture \"%s\";\nAPT::Architectures { \"%s\"; };\n",
		session->recipe->architecture, session->recipe->architecture);
	buf_str(&text,
		"APT::Install-Suggests \"false\";\nAPT::Get::List-Cleanup \"false\";\n"
		"APT::Get::AllowUnauthenticated \"false\";\nAPT::Update::Error-Mode \"any\";\n"
		"APT::Sandbox::User \"root\";\n"
		"Acquire::Languages { \"none\"; };\nAcquire::Retries \"3\";\n"
		"Acquire::AllowInsecureRepositories \"false\";\n"
		"Acquire::AllowWeakRepositories \"false\";\n"
		"Acquire::AllowDowngradeToInsecureRepositories \"false\";\n"
		"Acquire::Check-Date \"true\";\n");
	if (machine->transport != NULL)
		buf_str(&text, machine->transport);
	rc = publish(session, "status", &empty, err);
	return rc != 0 ? rc : publish(session, "apt.conf", &text, err);
}

/* One run at a time uses the directory; a second one waits for the first. */
static int lock_dir(struct session *session, struct err *err)
{
	session->lock_fd = open(session->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (session->lock_fd < 0 || flock(session->lock_fd, LOCK_EX) != 0) {
		if (session->lock_fd < 0 || errno != EINTR)
			return err_sys(err, "%s", session->dir);
	}
	return 0;
}

static int session_begin(struct session *session, struct err *err)
{
	int rc = io_mkdirs(session->options->dir, err);

	if (rc != 0)
		return rc;
	session->dir = realpath(session->options->dir, NULL);
	if (session->dir == NULL)
		return err_sys(err, "%s", session->options->dir);
	if (strpbrk(session->dir, "\"\\\n") != NULL)
		return err_fail(err, -EINVAL, "%s: apt cannot work in a directory of that name",
			session->dir);
	if (asprintf(&session->env_conf, "APT_CONFIG=%s/apt.conf", session->dir) < 0) {
		session->env_conf = NULL;
		return no_memory(err);
	}
	rc = lock_dir(session, err);
	if (rc == 0)
		rc = apt_machine_read(&session->machine, err);
	if (rc == 0)
		rc = make_dirs(session, err);
	return rc != 0 ? rc : write_config(session, err);
}

/* Running */

static int run_apt(const struct session *session, const char *const *args, size_t count,
	struct run_result *ret, struct err *err)
{
	const char *env[] = {
		session->env_conf, "LC_ALL=C", "LANGUAGE=", "DEBIAN_FRONTEND=noninteractive", NULL};
	AUTO_FREE const char **argv = calloc(count + ARGV_FIXED, sizeof(char *));
	size_t n = 0;

	if (argv == NULL)
		return no_memory(err);
	argv[n++] = args[0];
	for (size_t i = 0; i < ARRAY_SIZE(session->options_of_suite); i++) {
		argv[n++] = "-o";
		argv[n++] = session->options_of_suite[i];
	}
	argv[n++] = "-o";
	argv[n++] = session->suite->allow_expired ? "Acquire::Check-Valid-Until=false"
						  : "Acquire::Check-Valid-Until=true";
	for (size_t i = 1; i < count; i++)
		argv[n++] = args[i];
	return run_program(argv, env, OUTPUT_MAX, ret, err);
}

/* The first line of @text that starts with @prefix and holds @part; its length in @ret_len. */
static const char *find_line(
	const char *text, const char *prefix, const char *part, size_t *ret_len)
{
	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, "\n");
		const char *found = memmem(text, n, part, strlen(part));

		if (strncmp(text, prefix, strlen(prefix)) == 0 && found != NULL) {
			*ret_len = n;
			return text;
		}
		text = text[n] == '\n' ? text + n + 1 : NULL;
	}
	return NULL;
}

/* What apt says when it is the archive that cannot be trusted. The first entry tells most. */
static const struct {
	const char *prefix, *part, *hint;
} distrust[] = {
	{"W: ", "GPG error", " (another keyring: --keyring FILE)"},
	{"E: ", "is not signed", " (another keyring: --keyring FILE)"},
	{"E: ", "is expired", " (allow-expired in the suite accepts that)"},
	{"E: ", "is not valid yet", ""},
};

/* Turns a failed run into an error of @code; @what says what was being done. */
static int apt_failed(const struct run_result *result, int code, const char *what, struct err *err)
{
	const char *text = buf_cstr(&result->err), *line;
	const char *hint = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(distrust); i++) {
		line = find_line(text, distrust[i].prefix, distrust[i].part, &n);
		if (line != NULL)
			return err_fail(err, -EKEYREJECTED, "%s: %.*s%s", what,
				(int)(n < 340 ? n : 340) - 3, line + 3, distrust[i].hint);
	}
	line = find_line(buf_cstr(&result->out), " ", "Depends:", &n);
	if (line != NULL)
		hint = " (apt)";
	else
		line = find_line(text, "E: ", "", &n);
	if (line == NULL)
		return err_fail(err, code, "%s: apt ended with status %d", what, result->status);
	while (n > 0 && (*line == ' ' || strncmp(line, "E: ", 3) == 0)) {
		size_t skip = *line == ' ' ? 1 : 3;

		line += skip;
		n -= skip;
	}
	return err_fail(err, code, "%s: %.*s%s", what, (int)(n < 340 ? n : 340), line, hint);
}

/* Suites */

static int write_sources(const struct session *session, const struct recipe_suite *suite,
	const struct apt_source *source, const char *name, struct err *err)
{
	const char *keyring = session->options->keyring;
	AUTO_FREE char *keyring_path = keyring != NULL ? realpath(keyring, NULL) : NULL;
	BUF_AUTO text = {0};

	if (keyring != NULL && keyring_path == NULL)
		return err_sys(err, "%s", keyring);
	buf_fmt(&text, "Types: deb\nURIs: %s\nSuites: %s\nComponents:", source->uri,
		suite->distribution);
	for (size_t i = 0; i < suite->components.count; i++)
		buf_fmt(&text, " %s", suite->components.items[i]);
	buf_fmt(&text, "\nArchitectures: %s\n", session->recipe->architecture);
	if (keyring_path != NULL || source->signed_by != NULL)
		buf_fmt(&text, "Signed-By: %s\n",
			keyring_path != NULL ? keyring_path : source->signed_by);
	return publish(session, name, &text, err);
}

static int set_suite(struct session *session, const struct recipe_suite *suite, struct err *err)
{
	static const char *const files[][3] = {
		{"Etc::sourcelist", "sources", ".sources"},
		{"Cache::pkgcache", "cache", ".bin"},
		{"Cache::srcpkgcache", "cache", ".source.bin"},
	};

	_Static_assert(ARRAY_SIZE(files) == ARRAY_SIZE(session->options_of_suite), "one each");
	session->suite = suite;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		BUF_AUTO option = {0};

		buf_fmt(&option, "Dir::%s=%s/%s/%s%s", files[i][0], session->dir, files[i][1],
			suite->name, files[i][2]);
		free(session->options_of_suite[i]);
		session->options_of_suite[i] = strdup(buf_cstr(&option));
		if (option.bad || session->options_of_suite[i] == NULL)
			return no_memory(err);
	}
	return 0;
}

/* Makes @suite the only one that apt knows; fetches its lists when @update. */
static int use_suite(
	struct session *session, const struct recipe_suite *suite, bool update, struct err *err)
{
	static const char *const args[] = {"apt-get", "-qq", "update"};
	struct apt_sources mirrors = {0};
	BUF_AUTO name = {0};
	BUF_AUTO what = {0};
	RUN_AUTO result = {0};
	int rc = apt_mirrors(&session->machine, session->options->mirrors,
		session->options->mirror_count, suite->archive, &mirrors, err);

	buf_fmt(&name, "sources/%s.sources", suite->name);
	buf_fmt(&what, "suite %s", suite->name);
	if (rc == 0)
		rc = write_sources(session, suite, &mirrors.items[0], buf_cstr(&name), err);
	apt_sources_done(&mirrors);
	if (rc != 0)
		return rc;
	rc = set_suite(session, suite, err);
	if (rc != 0 || !update)
		return rc;
	progress_report(session->options->progress, buf_cstr(&what), 0, 0);
	rc = run_apt(session, args, 3, &result, err);
	if (rc == 0 && result.status != 0)
		return apt_failed(&result, -EIO, buf_cstr(&what), err);
	return rc;
}

/* Sets */

/* A name and the version that apt chose; both borrowed from apt's output. */
struct choice {
	const char *name, *version;
};

struct choices {
	struct choice *items; /* owned */
	size_t count;
};

static int add_choice(
	struct choices *choices, const char *name, const char *version, struct err *err)
{
	struct choice *items;

	if (choices->count == NAMES_MAX)
		return err_fail(err, -E2BIG, "more than %d packages in a set", NAMES_MAX);
	items = reallocarray(choices->items, choices->count + 1, sizeof(*items));
	if (items == NULL)
		return no_memory(err);
	items[choices->count++] = (struct choice){name, version};
	choices->items = items;
	return 0;
}

/* Cuts "Inst NAME (VERSION ..." into its parts, in place. */
static int parse_inst(char *line, struct choices *choices, struct err *err)
{
	char *name = line + strlen("Inst ");
	char *space = strchr(name, ' ');
	char *version = space != NULL && space[1] == '(' ? space + 2 : NULL;
	char *end = version != NULL ? strchr(version, ' ') : NULL;

	if (end == NULL)
		return err_fail(err, -EPROTO, "apt: unexpected line \"%.100s\"", line);
	*space = '\0';
	*end = '\0';
	return add_choice(choices, name, version, err);
}

static int parse_simulation(char *text, struct choices *choices, struct err *err)
{
	int rc = 0;

	for (char *line = text, *next; rc == 0 && line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, "Inst ", 5) == 0)
			rc = parse_inst(line, choices, err);
	}
	return rc;
}

/* Whether @name is a line of @text. */
static bool has_line(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = text; (at = strstr(at, name)) != NULL; at += n) {
		if ((at == text || at[-1] == '\n') && (at[n] == '\n' || at[n] == '\0'))
			return true;
	}
	return false;
}

static int check_known(const struct session *session, const struct lock_set *set, struct err *err)
{
	static const char *const args[] = {"apt-cache", "pkgnames"};
	RUN_AUTO result = {0};
	int rc = run_apt(session, args, 2, &result, err);

	if (rc == 0 && result.status != 0)
		return apt_failed(&result, -EIO, set->name, err);
	for (size_t i = 0; rc == 0 && i < set->packages->install.count; i++) {
		if (!has_line(buf_cstr(&result.out), set->packages->install.items[i]))
			return err_fail(err, -EBADMSG,
				"%s: %s: the suite %s has no package of that name",
				session->recipe->path, set->packages->install.items[i],
				session->suite->name);
	}
	return rc;
}

/* apt-get install, simulated: what a machine with nothing installed would get. */
static int simulate(const struct session *session, const struct lock_set *set,
	struct run_result *result, struct err *err)
{
	const struct recipe_strings *install = &set->packages->install;
	AUTO_FREE const char **args = calloc(install->count + ARGV_FIXED, sizeof(char *));
	BUF_AUTO what = {0};
	size_t n = 0;
	int rc;

	if (args == NULL)
		return no_memory(err);
	args[n++] = "apt-get";
	args[n++] = "-q"; /* once: twice would hide which dependency is missing */
	args[n++] = "-y";
	args[n++] = "-s";
	args[n++] = "-o";
	args[n++] = set->packages->recommends ? "APT::Install-Recommends=true"
					      : "APT::Install-Recommends=false";
	args[n++] = "install";
	args[n++] = "--";
	for (size_t i = 0; i < install->count; i++)
		args[n++] = install->items[i];
	buf_fmt(&what, "%s: set %s", session->recipe->path, set->name);
	rc = run_apt(session, args, n, result, err);
	if (rc == 0 && result->status != 0)
		return apt_failed(result, -EBADMSG, buf_cstr(&what), err);
	return rc;
}

static bool is_named(const struct recipe_strings *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], name) == 0)
			return true;
	}
	return false;
}

/* What a kernel package's dependencies are called where image and modules are packages of their own. */
static bool is_kernel_part(const char *name)
{
	static const char *const prefixes[] = {"linux-image-", "linux-modules-", "linux-binary-"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

static bool belongs(const struct lock_set *set, const char *name)
{
	if (is_named(&set->packages->exclude, name))
		return false;
	if (set->closure == LOCK_ALL || is_named(&set->packages->install, name))
		return true;
	return set->closure == LOCK_KERNEL && is_kernel_part(name);
}

/* An exclusion that excludes nothing is a misspelt one. */
static int check_excluded(const struct session *session, const struct lock_set *set,
	const struct choices *choices, struct err *err)
{
	for (size_t i = 0; i < set->packages->exclude.count; i++) {
		const char *name = set->packages->exclude.items[i];
		bool found = false;

		for (size_t k = 0; k < choices->count && !found; k++)
			found = strcmp(choices->items[k].name, name) == 0;
		if (!found)
			return err_fail(err, -EBADMSG,
				"%s: %s is excluded but nothing in the set %s needs it",
				session->recipe->path, name, set->name);
	}
	return 0;
}

/* Package records */

/* The value of @field in a stanza, malloc'ed and empty when it is not there; NULL without memory. */
static char *stanza_field(const char *stanza, const char *end, const char *field)
{
	size_t n = strlen(field);

	for (const char *line = stanza; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((stop != NULL ? stop : end) - line);

		if (len > n + 1 && strncasecmp(line, field, n) == 0 && line[n] == ':') {
			const char *value = line + n + 1;

			while (value < line + len && *value == ' ')
				value++;
			return strndup(value, (size_t)(line + len - value));
		}
		line += len + 1;
	}
	return strdup("");
}

static int fill_package(const struct session *session, const struct lock_set *set,
	const char *stanza, const char *end, struct lock_package *package, struct err *err)
{
	AUTO_FREE char *size = stanza_field(stanza, end, "Size");
	AUTO_FREE char *sha256 = stanza_field(stanza, end, "SHA256");
	BUF_AUTO what = {0};

	buf_fmt(&what, "suite %s", session->suite->name);
	package->set = strdup(set->name);
	package->name = stanza_field(stanza, end, "Package");
	package->version = stanza_field(stanza, end, "Version");
	package->architecture = stanza_field(stanza, end, "Architecture");
	package->suite = strdup(session->suite->name);
	package->archive = strdup(session->suite->archive);
	package->path = stanza_field(stanza, end, "Filename");
	if (size == NULL || sha256 == NULL || package->set == NULL || package->name == NULL ||
		package->version == NULL || package->architecture == NULL ||
		package->suite == NULL || package->archive == NULL || package->path == NULL)
		return no_memory(err);
	if (strncmp(package->path, "./", 2) == 0)
		memmove(package->path, package->path + 2, strlen(package->path) - 1);
	if (strspn(size, "0123456789") != strlen(size) || strlen(size) > 18 ||
		!hex_decode(sha256, package->sha256, SHA256_SIZE))
		return err_fail(err, -EBADMSG, "%s: %s has no size or no SHA-256", buf_cstr(&what),
			package->name);
	package->size_bytes = strtoull(size, NULL, 10);
	return lock_check_package(package, buf_cstr(&what), err);
}

static bool has_package(const struct lock *lock, const struct lock_package *package)
{
	for (size_t i = 0; i < lock->count; i++) {
		if (lock_compare(&lock->packages[i], package) == 0)
			return true;
	}
	return false;
}

/* Adds the packages of `apt-cache show`; of several records for one name the first is the one asked for. */
static int add_records(const struct session *session, const struct lock_set *set, const char *text,
	struct lock *lock, struct err *err)
{
	while (*text != '\0') {
		const char *blank = strstr(text, "\n\n");
		const char *end = blank != NULL ? blank : text + strlen(text);
		struct lock_package package = {0}, *packages;
		int rc = fill_package(session, set, text, end, &package, err);

		if (rc != 0 || has_package(lock, &package)) {
			lock_package_done(&package);
			if (rc != 0)
				return rc;
		} else {
			packages = reallocarray(lock->packages, lock->count + 1, sizeof(*packages));
			if (packages == NULL) {
				lock_package_done(&package);
				return no_memory(err);
			}
			packages[lock->count++] = package;
			lock->packages = packages;
		}
		for (text = end; *text == '\n';)
			text++;
	}
	return 0;
}

/* Looks up @count packages; a choice without a version stands for apt's candidate. */
static int show(const struct session *session, const struct lock_set *set,
	const struct choice *choices, size_t count, struct lock *lock, struct err *err)
{
	AUTO_FREE const char **args = calloc(count + ARGV_FIXED, sizeof(char *));
	BUF_AUTO names = {0};
	RUN_AUTO result = {0};
	size_t n = 0;
	int rc;

	if (args == NULL)
		return no_memory(err);
	args[n++] = "apt-cache";
	args[n++] = "--no-all-versions";
	args[n++] = "show";
	args[n++] = "--";
	for (size_t i = 0; i < count; i++) {
		buf_str(&names, choices[i].name);
		if (choices[i].version != NULL)
			buf_fmt(&names, "=%s", choices[i].version);
		buf_add(&names, "", 1);
	}
	rc = buf_check(&names, err);
	for (const char *at = buf_cstr(&names); rc == 0 && n < count + 4; at += strlen(at) + 1)
		args[n++] = at;
	if (rc == 0)
		rc = run_apt(session, args, n, &result, err);
	if (rc == 0 && result.status != 0)
		return apt_failed(&result, -EIO, set->name, err);
	return rc != 0 ? rc : add_records(session, set, buf_cstr(&result.out), lock, err);
}

/* Every choice must have become a package of the lock. */
static int check_shown(const struct lock_set *set, const struct choices *choices,
	const struct lock *lock, struct err *err)
{
	for (size_t i = 0; i < choices->count; i++) {
		struct lock_package key = {
			.set = (char *)set->name, .name = (char *)choices->items[i].name};
		bool found = false;

		for (size_t k = 0; k < lock->count && !found; k++)
			found = lock_compare(&lock->packages[k], &key) == 0 &&
				(choices->items[i].version == NULL ||
					strcmp(lock->packages[k].version,
						choices->items[i].version) == 0);
		if (!found)
			return err_fail(
				err, -EIO, "apt: no record of %s, which it chose", key.name);
	}
	return 0;
}

/* The packages of a set: what the simulation installs, or the named ones alone. */
static int choose(const struct session *session, const struct lock_set *set,
	struct run_result *result, struct choices *ret, struct err *err)
{
	const struct recipe_strings *install = &set->packages->install;
	struct choices all = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && set->closure == LOCK_NAMED && i < install->count; i++)
		rc = add_choice(ret, install->items[i], NULL, err);
	if (rc != 0 || set->closure == LOCK_NAMED)
		return rc;
	rc = simulate(session, set, result, err);
	if (rc == 0 && result->out.len > 0)
		rc = parse_simulation((char *)result->out.data, &all, err);
	if (rc == 0)
		rc = check_excluded(session, set, &all, err);
	for (size_t i = 0; rc == 0 && i < all.count; i++) {
		if (belongs(set, all.items[i].name))
			rc = add_choice(ret, all.items[i].name, all.items[i].version, err);
	}
	free(all.items);
	return rc;
}

static int resolve_set(
	struct session *session, const struct lock_set *set, struct lock *lock, struct err *err)
{
	struct choices choices = {0};
	RUN_AUTO result = {0};
	int rc = use_suite(session, set->packages->suite, false, err);

	progress_report(session->options->progress, set->name, 0, 0);
	if (rc == 0)
		rc = check_known(session, set, err);
	if (rc == 0)
		rc = choose(session, set, &result, &choices, err);
	for (size_t i = 0; rc == 0 && i < choices.count; i += SHOW_AT_ONCE) {
		size_t n = choices.count - i < SHOW_AT_ONCE ? choices.count - i : SHOW_AT_ONCE;

		rc = show(session, set, choices.items + i, n, lock, err);
	}
	if (rc == 0)
		rc = check_shown(set, &choices, lock, err);
	free(choices.items);
	return rc;
}

/* Whether a set before @i uses the same suite. */
static bool is_updated(const struct recipe *recipe, size_t i, const struct recipe_suite *suite)
{
	struct lock_set set;

	while (i-- > 0) {
		if (lock_set_at(recipe, i, &set) && set.packages->suite == suite)
			return true;
	}
	return false;
}

static int resolve(struct session *session, struct lock *lock, struct err *err)
{
	const struct recipe *recipe = session->recipe;
	struct lock_set set;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < lock_set_count(recipe); i++) {
		if (lock_set_at(recipe, i, &set) && !is_updated(recipe, i, set.packages->suite))
			rc = use_suite(session, set.packages->suite, true, err);
	}
	for (size_t i = 0; rc == 0 && i < lock_set_count(recipe); i++) {
		if (lock_set_at(recipe, i, &set))
			rc = resolve_set(session, &set, lock, err);
	}
	if (rc == 0)
		rc = lock_recipe_digest(recipe, lock->recipe_packages_sha256, err);
	if (rc == 0 && lock->count > 0)
		qsort(lock->packages, lock->count, sizeof(*lock->packages), lock_compare);
	return rc;
}

int apt_lock(const struct recipe *recipe, const struct apt_options *options, const char *path,
	struct lock *ret, struct err *err)
{
	struct session session = {.options = options, .recipe = recipe, .lock_fd = -1};
	struct lock lock = {.path = strdup(path)};
	int rc = lock.path != NULL ? session_begin(&session, err) : no_memory(err);

	if (rc == 0)
		rc = resolve(&session, &lock, err);
	session_done(&session);
	if (rc != 0)
		lock_done(&lock);
	else
		*ret = lock;
	return rc;
}
