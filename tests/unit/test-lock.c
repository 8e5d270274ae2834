/* Locks: their exact text, what is refused in one, and that one which no longer answers to its recipe is told. */
#include <stdlib.h>

#include "lib/hex.h"
#include "mkimage/recipe/lock.h"
#include "tests/tap.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define HEAD "schema = \"assay-lock/1\"\nrecipe-packages-sha256 = \"" HASH_A "\"\n"

/* One package in canonical form. */
#define PACKAGE(set, name, version, path, size)                                                    \
	"\n[[package]]\nset = \"" set "\"\nname = \"" name "\"\nversion = \"" version              \
	"\"\narchitecture = \"amd64\"\nsuite = \"s\"\narchive = \"debian\"\npath = \"" path        \
	"\"\nsize = " size "\nsha256 = \"" HASH_B "\"\n"

static const char whole[] = HEAD PACKAGE("firmware.snp", "ovmf", "2025.02-8+deb13u1",
	"pool/main/e/edk2/ovmf_2025.02-8+deb13u1_all.deb", "5779964")
	PACKAGE("rootfs", "g++", "4:14.2.0-1", "pool/g++_14.2.0-1_amd64.deb", "1")
		PACKAGE("rootfs", "libc6", "2.41-12~bpo1", "pool/libc6.deb", "8589934592");

static int parse(const char *text, struct lock *lock, struct err *err)
{
	return lock_parse(text, strlen(text), "dir/recipe.lock", lock, err);
}

static void check_round_trip(void)
{
	LOCK_AUTO lock = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	is_int(parse(whole, &lock, &err), 0, "a lock");
	if (lock.count != 3) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
	is_str(lock.packages[1].name, "g++", "a name");
	is_str(lock.packages[1].version, "4:14.2.0-1", "a version");
	ok(lock.packages[2].size_bytes == (uint64_t)8 << 30 && lock.packages[2].sha256[31] == 0xbb,
		"size and digest");
	ok(lock.recipe_packages_sha256[0] == 0xaa && lock.size_bytes == strlen(whole), "the head");
	is_int(lock_write(&lock, &text, &err), 0, "is written");
	is_str(buf_cstr(&text), whole, "in the same text");
	lock.packages[0].path[0] = '/';
	is_int(lock_write(&lock, &text, &err), -EBADMSG, "what could not be read is not written");
	lock_done(&lock);
	is_int(parse(HEAD, &lock, &err), 0, "an empty lock");
	is_int((long long)lock.count, 0, "has no packages");
}

static const struct {
	const char *text;
	int code;
	const char *message;
} bad[] = {
	{"x", -EBADMSG, "dir/recipe.lock:1: expected \"=\" after a key"},
	{"", -EBADMSG, "dir/recipe.lock:1: schema is missing"},
	{"schema = \"assay-lock/2\"\nrecipe-packages-sha256 = \"" HASH_A "\"\n", -ENOTSUP,
		"dir/recipe.lock:1: schema \"assay-lock/2\" is not \"assay-lock/1\""},
	{"schema = \"assay-lock/1\"\nrecipe-packages-sha256 = \"00\"\n", -EBADMSG,
		"dir/recipe.lock:2: recipe-packages-sha256 must be 64 lowercase hexadecimal "
		"digits"},
	{HEAD "mirror = \"x\"\n", -EBADMSG, "dir/recipe.lock:3: unknown key mirror"},
	{HEAD "package = 1\n", -EBADMSG,
		"dir/recipe.lock:3: package must be an array, not an integer"},
	{HEAD "package = [1]\n", -EBADMSG,
		"dir/recipe.lock:3: item must be a table, not an integer"},
	{HEAD "[[package]]\nset = \"rootfs\"\n", -EBADMSG, "dir/recipe.lock:3: name is missing"},
	{HEAD PACKAGE("rootfs", "b", "1", "p", "1") PACKAGE("rootfs", "a", "1", "p", "1"), -EBADMSG,
		"dir/recipe.lock:15: a is out of order or listed twice"},
	{HEAD PACKAGE("rootfs", "a", "1", "p", "1") PACKAGE("rootfs", "a", "2", "p", "1"), -EBADMSG,
		"dir/recipe.lock:15: a is out of order or listed twice"},
	{HEAD PACKAGE("rootfs", "a", "1", "p", "1") PACKAGE("kernel", "b", "2", "p", "1"), -EBADMSG,
		"dir/recipe.lock:15: b is out of order or listed twice"},
	{HEAD PACKAGE("root fs", "a", "1", "p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: set \"root fs\" is not one"},
	{HEAD PACKAGE("rootfs", "", "1", "p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: name \"\" is not one"},
	{HEAD PACKAGE("rootfs", "a", "1 2", "p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: version \"1 2\" is not one"},
	{HEAD PACKAGE("rootfs", "a", "1", "p?x=y", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"p?x=y\" is not one"},
	{HEAD PACKAGE("rootfs", "a", "1", "/p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"/p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "../p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"../p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "a/../../p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"a/../../p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "a/..", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"a/..\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "a/./p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"a/./p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "./p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"./p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "a//p", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"a//p\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "a/", "1"), -EBADMSG,
		"dir/recipe.lock: line 4: path \"a/\" leaves the archive"},
	{HEAD PACKAGE("rootfs", "a", "1", "p", "0"), -EBADMSG,
		"dir/recipe.lock: line 4: a package of 0 bytes"},
	{HEAD PACKAGE("rootfs", "a", "1", "p", "8589934593"), -EBADMSG,
		"dir/recipe.lock: line 4: a package of 8589934593 bytes"},
	{HEAD PACKAGE("rootfs", "a", "1", "p", "-1"), -EBADMSG,
		"dir/recipe.lock:12: size must be 0 to 9223372036854775807"},
};

static void check_bad(void)
{
	LOCK_AUTO lock = {0};
	struct err err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(parse(bad[i].text, &lock, &err), bad[i].code, "refused");
		is_str(err.msg, bad[i].message, "and said so");
	}
	is_int(lock_load("/nonexistent/recipe.lock", &lock, &err), -ENOENT, "no lock at all");
	is_str(err.msg, "/nonexistent/recipe.lock: there is no lock; assay lock RECIPE writes it",
		"names the command");
	ok(lock.path == NULL, "a failure fills nothing in");
}

#define RECIPE(before, dist, components, install, exclude, recommends)                             \
	before "schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = 1\n"    \
	       "[suite.s]\narchive = 'debian'\ndistribution = '" dist                              \
	       "'\ncomponents = [" components "]\n"                                                \
	       "[packages]\nsuite = 's'\ninstall = [" install "]\nexclude = [" exclude "]\n"       \
	       "recommends = " recommends "\n"                                                     \
	       "[firmware.snp]\nsuite = 's'\npackage = 'ovmf'\nmember = 'x'\n"                     \
	       "[firmware.tdx]\npath = 'f'\nsha256 = '" HASH_A "'\n"

static const char base[] = RECIPE("", "d", "'main'", "'libc6', 'g++'", "'ucf'", "false");

static void recipe_of(const char *text, struct recipe *recipe)
{
	struct err err = {0};

	if (recipe_parse(text, strlen(text), "dir/recipe.toml", recipe, &err) != 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
}

static void digest_of(const char *text, char *hex)
{
	RECIPE_AUTO recipe = {0};
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	recipe_of(text, &recipe);
	ok(lock_recipe_digest(&recipe, digest, &err) == 0, "a digest of the package fields");
	hex_encode(digest, sizeof(digest), hex);
}

static void check_digest(void)
{
	static const char *const others[] = {
		RECIPE("", "e", "'main'", "'libc6', 'g++'", "'ucf'", "false"),
		RECIPE("", "d", "'main', 'contrib'", "'libc6', 'g++'", "'ucf'", "false"),
		RECIPE("", "d", "'main'", "'libc6'", "'ucf'", "false"),
		RECIPE("", "d", "'main'", "'libc6', 'g++'", "", "false"),
		RECIPE("", "d", "'main'", "'libc6', 'g++'", "'ucf'", "true"),
	};
	char want[2 * SHA256_SIZE + 1], got[2 * SHA256_SIZE + 1];

	digest_of(base, want);
	/* A contract: when this value changes, every lock is stale. */
	is_str(want, "813c1f48d7a3311d8782bf3ea57c9adf39eb0fe6d345b81e1240949d950e9533",
		"is a fixed one");
	digest_of(RECIPE("", "d", "'main'", "'g++', 'libc6'", "'ucf'", "false"), got);
	is_str(got, want, "the order of packages does not matter");
	digest_of(RECIPE("description = 'x'\n", "d", "'main'", "'libc6', 'g++'", "'ucf'",
			  "false"
			  "\n[rootfs]\nremove=['/x']"),
		got);
	is_str(got, want, "nor do other fields");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		digest_of(others[i], got);
		ok(strcmp(got, want) != 0, "a package field does");
	}
}

static void check_sets(void)
{
	RECIPE_AUTO recipe = {0};
	struct lock_set set;

	recipe_of(base, &recipe);
	is_int((long long)lock_set_count(&recipe), 5, "sets");
	ok(lock_set_at(&recipe, 0, &set) && strcmp(set.name, "rootfs") == 0 &&
			set.closure == LOCK_ALL && set.packages == &recipe.packages,
		"the rootfs with all dependencies");
	ok(!lock_set_at(&recipe, 1, &set), "no kernel");
	ok(lock_set_at(&recipe, 2, &set) && strcmp(set.name, "firmware.snp") == 0 &&
			set.closure == LOCK_NAMED,
		"firmware alone");
	ok(!lock_set_at(&recipe, 3, &set), "no set for firmware from a file");
	ok(!lock_set_at(&recipe, 4, &set) && strcmp(set.name, "uki") == 0, "no unified image");
}

/* A lock for @recipe with the given packages. */
static int check_with(const struct recipe *recipe, const char *packages, struct err *err)
{
	LOCK_AUTO lock = {0};
	BUF_AUTO text = {0};

	buf_fmt(&text, "%s%s", HEAD, packages);
	if (parse(buf_cstr(&text), &lock, err) != 0 ||
		lock_recipe_digest(recipe, lock.recipe_packages_sha256, err) != 0) {
		printf("Bail out! %s\n", err->msg);
		exit(1);
	}
	return lock_check(recipe, &lock, err);
}

#define OVMF  PACKAGE("firmware.snp", "ovmf", "1", "p", "1")
#define GPP   PACKAGE("rootfs", "g++", "1", "p", "1")
#define LIBC6 PACKAGE("rootfs", "libc6", "1", "p", "1")

static void check_answers(void)
{
	static const char other_suite[] =
		"\n[[package]]\nset='firmware.snp'\nname='ovmf'\nversion='1'\narchitecture='all'\n"
		"suite='sid'\narchive='debian'\npath='p'\nsize=1\nsha256='" HASH_A "'\n";
	static const char other_archive[] =
		"\n[[package]]\nset='firmware.snp'\nname='ovmf'\nversion='1'\narchitecture='all'\n"
		"suite='s'\narchive='ubuntu'\npath='p'\nsize=1\nsha256='" HASH_A "'\n";
	static const struct {
		const char *packages, *message;
	} wrong[] = {
		{OVMF GPP, "dir/recipe.lock: libc6 is missing from the set rootfs"},
		{GPP LIBC6, "dir/recipe.lock: ovmf is missing from the set firmware.snp"},
		{OVMF GPP LIBC6 PACKAGE("rootfs", "ucf", "1", "p", "1"),
			"dir/recipe.lock: ucf is excluded from the set rootfs"},
		{OVMF PACKAGE("kernel", "linux-image", "1", "p", "1") GPP LIBC6,
			"dir/recipe.lock: linux-image is in the set kernel, which dir/recipe.toml "
			"does not have"},
		{PACKAGE("firmware.tdx", "ovmf", "1", "p", "1") GPP LIBC6,
			"dir/recipe.lock: ovmf is in the set firmware.tdx, which dir/recipe.toml "
			"does not have"},
	};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	struct err err = {0};

	recipe_of(base, &recipe);
	is_int(check_with(&recipe, OVMF GPP LIBC6, &err), 0, "a lock that answers to its recipe");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		is_int(check_with(&recipe, wrong[i].packages, &err), -EBADMSG, "refused");
		is_str(err.msg, wrong[i].message, "and said so");
	}
	is_int(check_with(&recipe, other_suite, &err), -EBADMSG, "another suite");
	is_str(err.msg, "dir/recipe.lock: ovmf comes from another suite than dir/recipe.toml says",
		"is refused");
	is_int(check_with(&recipe, other_archive, &err), -EBADMSG, "another archive is refused");
	ok(parse(HEAD, &lock, &err) == 0 && lock_check(&recipe, &lock, &err) == -EBADMSG,
		"a stale lock");
	is_str(err.msg,
		"dir/recipe.lock: made for other packages than dir/recipe.toml names now; run: "
		"assay lock dir/recipe.toml",
		"names the command that re-locks");
}

int main(void)
{
	check_round_trip();
	check_bad();
	check_digest();
	check_sets();
	check_answers();
	return tap_done();
}
