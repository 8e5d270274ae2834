/* Includes and variants: what a delta makes of a base, what a variant tells of itself, and every refusal. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe-merge.h"
#include "mkimage/recipe/recipe.h"
#include "tests/tap.h"

#define BASE                                                                                       \
	"schema = 'assay-recipe/1'\nname = 'base'\narchitecture = 'amd64'\ntimestamp = 5\n"        \
	"[suite.s]\narchive = 'debian'\ndistribution = 'trixie'\ncomponents = ['main']\n"          \
	"[packages]\nsuite = 's'\ninstall = ['systemd', 'chrony']\n"                               \
	"[command-line]\nappend = 'quiet'\n"                                                       \
	"[policy]\npath = 'files/locked.rego'\n"                                                   \
	"[[file]]\npath = '/etc/a'\nsource = 'files/a'\n"                                          \
	"[[file]]\npath = '/etc/b'\ntext = 'b'\n"                                                  \
	"[[unit]]\nname = 'x.service'\nmask = true\n"                                              \
	"[[source]]\nkind = 'tar'\npath = 'x.tar'\nsha256 = '" ZEROS "'\n"                         \
	"[variant.debug.policy]\npath = 'files/open.rego'\ndebug = true\n"
#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define SCHEMA "schema = 'assay-recipe/1'\n"
#define OVER   SCHEMA "include = ['../base/recipe.toml']\n"

static char top[] = "/tmp/assay-test-XXXXXX";

static void fatal(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

/* Writes @text below the directory of recipes. */
static void write_at(const char *path, const char *text)
{
	BUF_AUTO whole = {0};
	struct err err = {0};

	buf_fmt(&whole, "%s/%s", top, path);
	*strrchr((char *)whole.data, '/') = '\0';
	if (io_mkdirs((char *)whole.data, &err) != 0)
		fatal(err.msg);
	whole.len = 0;
	buf_fmt(&whole, "%s/%s", top, path);
	if (io_publish(buf_cstr(&whole), text, strlen(text), &err) != 0)
		fatal(err.msg);
}

static int load_at(const char *path, const char *variant, struct recipe *ret, struct err *err)
{
	BUF_AUTO whole = {0};

	*err = (struct err){0};
	buf_fmt(&whole, "%s/%s", top, path);
	return recipe_load(buf_cstr(&whole), variant, ret, err);
}

/* Loads a recipe of @text beside the base. */
static int load_text(const char *text, const char *variant, struct recipe *ret, struct err *err)
{
	write_at("own/recipe.toml", text);
	return load_at("own/recipe.toml", variant, ret, err);
}

static void must_load(const char *text, const char *variant, struct recipe *ret)
{
	struct err err;

	if (load_text(text, variant, ret, &err) != 0)
		fatal(err.msg);
}

static void bad(
	const char *text, const char *variant, int code, const char *needle, const char *what)
{
	RECIPE_AUTO recipe = {0};
	struct err err;
	int rc = load_text(text, variant, &recipe, &err);

	ok(rc == code && strstr(err.msg, needle) != NULL && recipe.path == NULL, "%s", what);
	if (rc != code || strstr(err.msg, needle) == NULL)
		printf("#   %d: %s\n", rc, err.msg);
}

static void check_include(void)
{
	RECIPE_AUTO recipe = {0};

	must_load(OVER "name = 'own'\n[packages]\ninstall = ['vim']\n[policy]\nname = 'p.rego'\n"
		       "[[file]]\npath = '/etc/b'\nsource = 'files/b'\n"
		       "[[file]]\npath = '/etc/c'\ntext = 'c'\n"
		       "[[source]]\nkind = 'tar'\npath = '../base/x.tar'\nsha256 = '" ZEROS
		       "'\nto = '/opt'\n",
		NULL, &recipe);
	is_str(recipe.name, "own", "the including recipe's name");
	is_str(recipe.identity, "own", "and identity");
	ok(recipe.variant == NULL && recipe.delta.changed.count == 0, "no variant");
	is_int((long long)recipe.timestamp, 5, "what it does not say is the base's");
	ok(recipe.packages.install.count == 3 &&
			strcmp(recipe.packages.install.items[2], "vim") == 0,
		"a list of strings grows");
	is_str(recipe.policy.source.path, "../base/files/locked.rego",
		"paths of the base are the base's own");
	is_str(recipe.policy.name, "p.rego", "a table is merged key by key");
	ok(recipe.file_count == 3 && strcmp(recipe.files[0].source.path, "../base/files/a") == 0 &&
			strcmp(recipe.files[1].source.path, "files/b") == 0 &&
			strcmp(recipe.files[2].path, "etc/c") == 0,
		"a list of tables grows; the same path takes the base's place");
	ok(recipe.import_count == 2 && strcmp(recipe.imports[0].path, "../base/x.tar") == 0,
		"of a source there may be two");
	ok(recipe.document_count == 1 &&
			strcmp(recipe.documents[0].path, "../base/recipe.toml") == 0 &&
			recipe.documents[0].size_bytes == strlen(BASE),
		"the base is named as a document");
}

static void check_nested(void)
{
	RECIPE_AUTO recipe = {0};
	RECIPE_AUTO again = {0};

	write_at("more/extra.toml", SCHEMA "[[file]]\npath = '/etc/m'\nsource = 'm'\n");
	write_at("middle/recipe.toml",
		SCHEMA "include = ['../base/recipe.toml', '../more/extra.toml']\nname = 'middle'\n"
		       "[[file]]\npath = '/etc/mid'\nsource = 'sub/mid'\n");
	must_load(SCHEMA "include = ['../middle/recipe.toml']\nname = 'own'\n", NULL, &recipe);
	ok(recipe.file_count == 4 && strcmp(recipe.files[2].source.path, "../more/m") == 0 &&
			strcmp(recipe.files[3].source.path, "../middle/sub/mid") == 0,
		"two documents, two levels; each path from where it is written");
	ok(recipe.document_count == 3 &&
			strcmp(recipe.documents[2].path, "../more/extra.toml") == 0,
		"all documents are named");
	write_at("own/part/p.toml", SCHEMA "[[file]]\npath = '/etc/p'\nsource = '../x'\n");
	must_load(SCHEMA "include = ['../base/recipe.toml', './part/p.toml']\nname = 'own'\n", NULL,
		&again);
	is_str(again.files[2].source.path, "part/../x", "a document below");
}

static void check_drop(void)
{
	RECIPE_AUTO recipe = {0};

	must_load(OVER "name = 'own'\ndrop = ['unit=x.service', 'packages.install=chrony', "
		       "'file=/etc/a', 'source=x.tar', 'policy', 'variant.debug']\n"
		       "[policy]\ntext = 'x'\nname = 'n.rego'\n",
		NULL, &recipe);
	ok(recipe.unit_count == 0 && recipe.import_count == 0 && recipe.file_count == 1,
		"entries are dropped by name or path");
	ok(recipe.packages.install.count == 1 &&
			strcmp(recipe.packages.install.items[0], "systemd") == 0,
		"strings by themselves");
	ok(recipe.policy.source.path == NULL && recipe.policy.source.text != NULL,
		"a table, and another takes its place");
}

static bool is_line(const struct recipe_strings *list, size_t i, const char *want)
{
	return i < list->count && strcmp(list->items[i], want) == 0;
}

static void check_variant(void)
{
	RECIPE_AUTO plain = {0};
	RECIPE_AUTO debug = {0};
	RECIPE_AUTO more = {0};
	static const char text[] = OVER "name = 'own'\n[policy]\nname = 'p.rego'\n"
					"[variant.full]\ndrop = ['unit=x.service']\n"
					"[variant.full.command-line]\nappend = 'debug'\n"
					"[variant.full.packages]\ninstall = ['gdb']\n"
					"[[variant.full.file]]\npath = '/etc/b'\ntext = 'B'\n"
					"[[variant.full.group]]\nname = 'g'\ngid = "
					"7\n[variant.full.rootfs]\ntype = 'ext4'\n";

	must_load(text, NULL, &plain);
	must_load(text, "debug", &debug);
	must_load(text, "full", &more);
	is_str(debug.name, "own-debug", "an image of its own name");
	is_str(debug.identity, "own", "of the recipe's identity");
	is_str(debug.variant, "debug", "it knows its variant");
	is_str(debug.policy.source.path, "../base/files/open.rego",
		"the delta of an included variant");
	is_str(debug.policy.name, "p.rego", "under the name that both have");
	ok(debug.delta.added.count == 1 && is_line(&debug.delta.added, 0, "policy.debug") &&
			debug.delta.changed.count == 1 &&
			is_line(&debug.delta.changed, 0, "policy.path") &&
			debug.delta.dropped.count == 0,
		"and what it changes");
	ok(plain.file_count == debug.file_count && plain.unit_count == debug.unit_count &&
			strcmp(plain.append, debug.append) == 0,
		"nothing else is changed");
	ok(is_line(&more.delta.dropped, 0, "unit=x.service") && more.delta.dropped.count == 1,
		"dropped");
	ok(more.delta.changed.count == 2 &&
			is_line(&more.delta.changed, 0, "command-line.append") &&
			is_line(&more.delta.changed, 1, "file=/etc/b"),
		"changed");
	ok(more.delta.added.count == 3 && is_line(&more.delta.added, 0, "group=g") &&
			is_line(&more.delta.added, 1, "packages.install=gdb") &&
			is_line(&more.delta.added, 2, "rootfs"),
		"added");
	AUTO_FREE char *own = lock_path_of(&plain);
	AUTO_FREE char *same = lock_path_of(&debug);
	AUTO_FREE char *other = lock_path_of(&more);

	is_str(same, own, "a variant of the same packages has the same lock");
	ok(other != NULL && strstr(other, "/own/recipe.full.lock") != NULL,
		"one of others has a lock of its own");
}

static void check_bad_includes(void)
{
	BUF_AUTO text = {0};

	bad(SCHEMA "include = []\nname = 'own'\n", NULL, -EBADMSG, ":2: include is empty",
		"no include");
	bad(SCHEMA "include = '../base/recipe.toml'\nname = 'own'\n", NULL, -EBADMSG,
		":2: include must be an array, not a string", "one that is no list");
	bad(SCHEMA "include = [1]\nname = 'own'\n", NULL, -EBADMSG, "must be a string", "a number");
	bad(SCHEMA "include = ['/base/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"is not relative to the document", "an absolute path");
	bad(SCHEMA "include = ['']\nname = 'own'\n", NULL, -EBADMSG, "is not relative",
		"an empty path");
	bad(SCHEMA "include = ['../none/recipe.toml']\nname = 'own'\n", NULL, -ENOENT,
		"/own/recipe.toml:2: include: ", "one that is not there");
	bad(SCHEMA "include = ['../../../etc/hostname']\nname = 'own'\n", NULL, -EBADMSG,
		"outside the directory that holds the recipe's own", "one above the recipes");
	text.len = 0;
	buf_fmt(&text, "%s/link", top);
	if (symlink("/etc", buf_cstr(&text)) != 0)
		fatal("symlink");
	bad(SCHEMA "include = ['../link/hostname']\nname = 'own'\n", NULL, -EBADMSG,
		"outside the directory", "one outside by a link");
	bad(OVER, NULL, -EBADMSG, "name is missing: a recipe that includes", "no name of its own");
	bad("include = ['../base/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"schema is missing", "no schema");
	bad(SCHEMA "include = ['recipe.toml']\nname = 'own'\n", NULL, -EBADMSG, "includes itself",
		"a recipe that includes itself");
	write_at("a/recipe.toml", SCHEMA "name = 'a'\ninclude = ['../own/recipe.toml']\n");
	bad(SCHEMA "include = ['../a/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"/a/recipe.toml:3: include: ", "a cycle of two");
	bad(SCHEMA "include = ['../base/recipe.toml', '../base/./recipe.toml']\nname = 'own'\n",
		NULL, -EBADMSG, "is included twice", "the same one twice");
	write_at("b/recipe.toml", "schema = 'assay-recipe/9'\n");
	bad(SCHEMA "include = ['../b/recipe.toml']\nname = 'own'\n", NULL, -ENOTSUP,
		"/b/recipe.toml:1: schema", "another schema");
	write_at("b/recipe.toml", "name = 'b'\n");
	bad(SCHEMA "include = ['../b/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"/b/recipe.toml:1: schema is missing", "a document without schema");
	write_at("b/recipe.toml", SCHEMA "nmae = 'b'\n");
	bad(SCHEMA "include = ['../base/recipe.toml', '../b/recipe.toml']\nname = 'own'\n", NULL,
		-EBADMSG, "/b/recipe.toml:2: unknown key nmae",
		"an unknown key is told where it stands");
	write_at("b/recipe.toml", "x =\n");
	bad(SCHEMA "include = ['../b/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"/b/recipe.toml:1: ", "no TOML");
	for (int i = 0; i < RECIPE_INCLUDE_DEPTH_MAX + 1; i++) {
		char name[40], body[200];

		snprintf(name, sizeof(name), "deep%d/recipe.toml", i);
		snprintf(body, sizeof(body),
			SCHEMA "name = 'd'\ninclude = ['../deep%d/recipe.toml']\n", i + 1);
		write_at(name, body);
	}
	bad(SCHEMA "include = ['../deep0/recipe.toml']\nname = 'own'\n", NULL, -EBADMSG,
		"more than 8 documents deep", "too deep");
	text.len = 0;
	buf_str(&text, SCHEMA "name = 'own'\ninclude = [");
	for (int i = 0; i < 32; i++) {
		char name[40];

		snprintf(name, sizeof(name), "many/%d.toml", i);
		write_at(name, SCHEMA);
		buf_fmt(&text, "'../%s', ", name);
	}
	buf_str(&text, "]\n");
	bad(buf_cstr(&text), NULL, -EBADMSG, "more than 31 documents", "too many");
}

static void check_bad_deltas(void)
{
	bad(OVER "name = 'own'\npackages = 'x'\n", NULL, -EBADMSG,
		"packages: a string, and a table at ", "another type");
	bad(OVER "name = 'own'\n[packages]\ninstall = ['chrony']\n", NULL, -EBADMSG,
		"packages.install: \"chrony\" is there already", "a string that is there");
	bad(OVER "name = 'own'\ndrop = ['unit=y.service']\n", NULL, -EBADMSG,
		"drop: there is no \"unit=y.service\"", "nothing to drop");
	bad(OVER "name = 'own'\ndrop = ['unit.x']\n", NULL, -EBADMSG, "there is no", "no table");
	bad(OVER "name = 'own'\ndrop = ['policy=x']\n", NULL, -EBADMSG, "there is no", "no list");
	bad(OVER "name = 'own'\ndrop = ['']\n", NULL, -EBADMSG, "there is no", "no name");
	bad(OVER "name = 'own'\ndrop = 'policy'\n", NULL, -EBADMSG, "must be an array",
		"no list of drops");
	bad("drop = ['policy']\n" BASE, NULL, -EBADMSG, ":1: drop: nothing is included",
		"a drop without include");
	bad(BASE, "release", -EBADMSG, "there is no [variant.release]; there are: debug",
		"a variant that is not there");
	bad(SCHEMA "name = 'x'\n", "debug", -EBADMSG, "there is no [variant.debug]", "none at all");
	bad(BASE "[variant.x]\n", NULL, -EBADMSG, "variant x changes nothing", "an empty variant");
	bad(BASE "[variant]\nx = 1\n", NULL, -EBADMSG, "must be a table", "a variant that is none");
	bad(BASE "[variant.'a b']\nx = 1\n", NULL, -EBADMSG, "\"a b\" is not a name", "a bad name");
	bad(BASE "[variant.x]\nname = 'y'\n", NULL, -EBADMSG, "a variant cannot change name",
		"a name");
	bad(BASE "[variant.x]\ntimestamp = 6\n", NULL, -EBADMSG, "cannot change timestamp",
		"a time");
	bad(BASE "[variant.x]\ninclude = ['y']\n", NULL, -EBADMSG, "cannot change include",
		"an include");
	bad(BASE "[variant.x.command-line]\nappend = 'quiet'\n", "x", -EBADMSG,
		"command-line.append: changes nothing", "a value that is there");
	bad(BASE "[launch.tdx]\nfirmware = 'f'\nvmm = 'v'\nvcpus = [1, 2]\n"
		 "[variant.x.launch.tdx]\nvcpus = [1, 2]\n",
		"x", -EBADMSG, "launch.tdx.vcpus: changes nothing", "a list that is there");
	bad(BASE "[launch.tdx]\nfirmware = 'f'\nvmm = 'v'\nvcpus = [1, 2]\n"
		 "[variant.x.launch.tdx]\nvcpus = [1, 3]\n",
		"x", -EBADMSG, "there is no [firmware.f]", "another list of numbers replaces");
	bad(BASE "[variant.x.packages]\ninstall = []\n", "x", -EBADMSG,
		"packages.install: changes nothing", "an empty list");
	bad(BASE "[variant.x.packages]\ninstal = ['y']\n", "x", -EBADMSG, "unknown key instal",
		"an unknown key in a variant");
	bad("schema = 'assay-recipe/1'\nname = 'x'\narchitecture = 'amd64'\ntimestamp = 0\n"
	    "[policy]\ntext = 'x'\nname = 'x'\ndebug = true\n",
		NULL, -EBADMSG, ":8: debug belongs to a variant",
		"an open policy without a variant");
}

static void check_text(void)
{
	RECIPE_AUTO recipe = {0};
	struct err err = {0};

	is_int(recipe_parse(OVER, strlen(OVER), "r.toml", &recipe, &err), -ENOTSUP,
		"text has nothing to include from");
	is_str(err.msg, "r.toml:2: include: this is not a file", "and says so");
}

int main(void)
{
	struct err err = {0};

	if (mkdtemp(top) == NULL)
		fatal("mkdtemp");
	write_at("base/recipe.toml", BASE);
	check_include();
	check_nested();
	check_drop();
	check_variant();
	check_bad_includes();
	check_bad_deltas();
	check_text();
	ok(io_remove_tree(top, &err) == 0, "removed");
	return tap_done();
}
