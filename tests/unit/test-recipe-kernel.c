/* mkimage/recipe-kernel: what [kernel] and [uki] may say, and what contradicts itself. */
#include "mkimage/recipe/recipe.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "tests/tap.h"

#define HEAD                                                                                       \
	"schema = \"assay-recipe/1\"\nname = \"t\"\narchitecture = \"amd64\"\ntimestamp = 77\n"    \
	"[suite.x]\narchive = \"debian\"\ndistribution = \"x\"\ncomponents = [\"main\"]\n"         \
	"[kernel]\n"
#define ZEROS	"0000000000000000000000000000000000000000000000000000000000000000"
#define SHA256	"sha256 = \"" ZEROS "\"\n"
#define PACKAGE "suite = \"x\"\npackage = \"linux\"\n"
#define FILE_	"path = \"k\"\n" SHA256
#define STUB	"[uki.stub]\npath = \"s\"\n" SHA256
#define BUILD	"[kernel.build]\nconfig = \"c\"\nfragments = [\"a\", \"d/b\"]\n"

static int parse(const char *text, struct recipe *ret, struct err *err)
{
	BUF_AUTO whole = {0};

	memset(err, 0, sizeof(*err));
	buf_fmt(&whole, "%s%s", HEAD, text);
	return recipe_parse(whole.data, whole.len, "r.toml", ret, err);
}

static void test_taken(void)
{
	static const char *const good[] = {
		PACKAGE,
		PACKAGE "modules = [\"erofs\"]\ncompression = \"gzip\"\n",
		PACKAGE "initrd = false\n",
		PACKAGE "member = \"usr/src/l.tar.xz\"\n" BUILD,
		FILE_,
		FILE_ "member = \"boot/vmlinuz\"\nconfig = \"c\"\ninitrd = false\n",
		FILE_ BUILD,
		FILE_ "[uki]\nsbat = \"a,1,b\"\n" STUB "[disk]\nlayout = \"esp\"\n",
		PACKAGE "[uki.stub]\nsuite = \"x\"\npackage = \"efi\"\nmember = \"s\"\n",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		RECIPE_AUTO recipe = {0};
		struct err err;

		ok(parse(good[i], &recipe, &err) == 0, "taken: %zu %s", i, err.msg);
	}
}

static void test_values(void)
{
	RECIPE_AUTO recipe = {0};
	RECIPE_AUTO built = {0};
	struct err err;

	ok(parse(PACKAGE, &recipe, &err) == 0 && recipe.kernel.present, "a package's kernel");
	ok(recipe.kernel.initrd && !recipe.kernel.build.present, "has an initrd, and is not built");
	is_str(recipe.kernel.compression, "zstd", "compressed by zstd");
	ok(parse("initrd = false\nmember = \"m\"\n" PACKAGE BUILD, &built, &err) == 0,
		"a kernel from source");
	ok(!built.kernel.initrd && built.kernel.build.present, "without an initrd");
	is_int((long long)built.kernel.build.fragments.count, 2, "its fragments");
	is_str(built.kernel.build.fragments.items[1], "d/b", "in their order");
	is_str(built.kernel.build.config, "c", "and what they resolve to");
	is_str(built.kernel.member, "m", "out of the package's file");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *needle;
	} rows[] = {
		{"", "exactly one of package and path"},
		{PACKAGE FILE_, "exactly one of package and path"},
		{BUILD, "exactly one of package and path"},
		{"package = \"linux\"\n", "suite is missing"},
		{"suite = \"x\"\npackage = []\n", "no package is named"},
		{"suite = \"y\"\npackage = \"linux\"\n", "there is no [suite.y]"},
		{"path = \"k\"\n", "sha256 is missing"},
		{"path = \"/k\"\n" SHA256, "relative to the recipe"},
		{"suite = \"x\"\n" FILE_, "suite belongs to package"},
		{PACKAGE SHA256, "the lock has the package's"},
		{PACKAGE "member = \"m\"\n", "member belongs to path"},
		{PACKAGE "config = \"c\"\n", "config belongs to path"},
		{PACKAGE BUILD, "member is missing"},
		{"suite = \"x\"\npackage = [\"a1\", \"b1\"]\nmember = \"m\"\n" BUILD,
			"one package holds the source"},
		{FILE_ "member = \"m\"\n" BUILD, "member has no place here"},
		{FILE_ "config = \"c\"\n" BUILD, "config belongs to path"},
		{FILE_ "modules = [\"erofs\"]\n", "modules come with a package"},
		{FILE_ "member = \"../m\"\n", "member"},
		{PACKAGE "initrd = false\nmodules = [\"erofs\"]\n", "there is none"},
		{PACKAGE "initrd = false\ncompression = \"gzip\"\n", "there is none"},
		{FILE_ "[kernel.build]\nconfig = \"c\"\nfragments = []\n", "fragments is empty"},
		{FILE_ "[kernel.build]\nconfig = \"c\"\n", "fragments"},
		{FILE_ "[kernel.build]\nfragments = [\"a\"]\n", "config"},
		{FILE_ "[kernel.build]\nconfig = \"c\"\nfragments = [\"a\", \"a\"]\n",
			"listed twice"},
		{FILE_ "[kernel.build]\nconfig = \"/c\"\nfragments = [\"a\"]\n",
			"relative to the recipe"},
		{PACKAGE "initrd = \"no\"\n", "initrd"},
		{PACKAGE "version = \"6\"\n", "unknown key version"},
		{FILE_ BUILD "jobs = 2\n", "unknown key jobs"},
		{FILE_ "[uki]\n", "stub is missing"},
		{FILE_ "[uki.stub]\npath = \"s\"\n", "sha256 is missing"},
		{FILE_ "[uki.stub]\nsuite = \"x\"\npackage = \"efi\"\n", "member is missing"},
		{FILE_ "[uki.stub]\nsuite = \"y\"\npackage = \"efi\"\nmember = \"s\"\n",
			"there is no [suite.y]"},
		{FILE_ "[uki]\nsbat = \"\"\n" STUB, "sbat is 1 to 512"},
		{FILE_ "[uki]\nsbat = \"sbat,1\"\n" STUB, "without the line"},
		{FILE_ "[uki]\nsbat = \"a\\tb\"\n" STUB, "printable"},
		{FILE_ "[disk]\nlayout = \"esp\"\n", "there is no [uki]"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		RECIPE_AUTO recipe = {0};
		struct err err;
		int rc = parse(rows[i].text, &recipe, &err);

		ok(rc == -EBADMSG && strstr(err.msg, rows[i].needle) != NULL,
			"refused: %s (%d \"%s\")", rows[i].needle, rc, err.msg);
	}
}

static void test_no_kernel(void)
{
	static const char text[] =
		"schema = \"assay-recipe/1\"\nname = \"t\"\narchitecture = \"amd64\"\n"
		"timestamp = 77\n" STUB;
	RECIPE_AUTO recipe = {0};
	struct err err = {0};

	ok(recipe_parse(text, strlen(text), "r", &recipe, &err) == -EBADMSG &&
			strstr(err.msg, "uki without a kernel") != NULL,
		"refused: an image without a kernel");
}

int main(void)
{
	test_taken();
	test_values();
	test_refused();
	test_no_kernel();
	return tap_done();
}
