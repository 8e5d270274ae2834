/* mkimage/steps, accounts, policy and check-rootfs: recipes as text, applied to small trees. */
#define _GNU_SOURCE
#include "mkimage/recipe/steps.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/check/check-rootfs.h"
#include "mkimage/recipe/accounts.h"
#include "mkimage/recipe/policy.h"
#include "tests/tap.h"
#include "tests/unit/must.h"

#define HEAD "schema = \"assay-recipe/1\"\nname = \"t\"\narchitecture = \"amd64\"\ntimestamp = 77\n"
#define LOCKED                                                                                     \
	"package agent_policy\n"                                                                   \
	"default SetPolicyRequest := false\n"                                                      \
	"default ExecProcessRequest := false\n"

static struct spool spool = {.fd = -1};

static struct tree_node *put(
	struct tree *tree, const char *path, enum tree_type type, uint16_t mode, const char *text)
{
	struct tree_inode inode = {
		.type = type, .mode = mode, .content.fd = -1, .origin = "deb:test=1"};
	struct tree_node *node = NULL;
	struct err err = {0};

	if (type == TREE_SYMLINK)
		inode.target = strdup(text);
	if (type == TREE_FILE && text != NULL) {
		inode.content.mem = (unsigned char *)strdup(text);
		inode.content.size_bytes = strlen(text);
	}
	must(tree_parents(tree, path, "deb:test=1", &err), &err);
	must(tree_add(tree, path, &inode, TREE_REFUSE, &node, &err), &err);
	return node;
}

/* A tree that passes the checks. */
static void base_tree(struct tree *tree)
{
	struct err err = {0};

	must(tree_init(tree, &err), &err);
	put(tree, "usr/lib/systemd/systemd", TREE_FILE, 0755, "#!");
	put(tree, "sbin", TREE_SYMLINK, 0777, "usr/sbin");
	put(tree, "usr/sbin/init", TREE_SYMLINK, 0777, "../lib/systemd/systemd");
	put(tree, "var/tmp", TREE_DIR, 01777, NULL);
}

/* Applies the steps of @text to @tree. */
static int apply_to(struct tree *tree, const char *text, struct steps_result *ret, struct err *err)
{
	RECIPE_AUTO recipe = {0};
	BUF_AUTO whole = {0};

	memset(err, 0, sizeof(*err));
	buf_fmt(&whole, "%s%s", HEAD, text);
	must(recipe_parse(whole.data, whole.len, "/nowhere/recipe.toml", &recipe, err), err);
	return steps_apply(tree, &recipe, &spool, ret, err);
}

/* The steps of @text on a base tree, refused like this. */
static void bad(const char *text, int code, const char *needle, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	refuses(apply_to(&tree, text, &result, &err), code, &err, needle, what);
	ok(strncmp(err.msg, "/nowhere/recipe.toml: ", 22) == 0, "... naming the recipe");
}

static void is_text(const struct tree *tree, const char *path, const char *want, const char *what)
{
	const struct tree_node *node = tree_find(tree, path);
	BUF_AUTO text = {0};
	struct err err = {0};

	if (node == NULL || node->inode->type != TREE_FILE) {
		ok(false, "%s: no file %s", what, path);
		return;
	}
	size_t n = (size_t)node->inode->content.size_bytes;

	must(tree_read(&node->inode->content, path, buf_grow(&text, n), n, 0, &err), &err);
	is_str(buf_cstr(&text), want, what);
}

#define DIGEST_A "0000000000000000000000000000000000000000000000000000000000000001"
#define DIGEST_B "0000000000000000000000000000000000000000000000000000000000000002"

static void test_everything(void)
{
	static const char text[] =
		"[rootfs]\nremove = [\"/usr/share/doc/*/[!c]*\", \"/etc/old\"]\n"
		"[[directory]]\npath = \"/a/b\"\nmode = \"0711\"\nuid = 5\ngid = 6\n"
		"[[file]]\npath = \"/a/b/f\"\ntext = \"new\"\nmode = \"0600\"\nuid = 7\n"
		"[[file]]\npath = \"/etc/there\"\ntext = \"replaced\"\n"
		"[[link]]\npath = \"/a/l\"\ntarget = \"b/f\"\n"
		"[[unit]]\nname = \"x.service\"\ntext = \"[Unit]\"\nwanted-by = [\"y.target\"]\n"
		"[[unit]]\nname = \"p.service\"\nwanted-by = [\"y.target\", \"z.target\"]\n"
		"[[unit]]\nname = \"i@tty1.service\"\nwanted-by = [\"y.target\"]\n"
		"[[unit]]\nname = \"m.service\"\nmask = true\n";
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	put(&tree, "usr/share/doc/p/changelog", TREE_FILE, 0644, "c");
	put(&tree, "usr/share/doc/p/README", TREE_FILE, 0644, "r");
	put(&tree, "usr/share/doc/p/notes/deep", TREE_FILE, 0644, "d");
	put(&tree, "etc/old/x", TREE_FILE, 0644, "x");
	put(&tree, "etc/there", TREE_FILE, 0644, "old");
	put(&tree, "usr/bin/su", TREE_FILE, 04755, "su");
	put(&tree, "usr/bin/wall", TREE_FILE, 02755, "wall");
	put(&tree, "var/mail", TREE_DIR, 02775, NULL);
	put(&tree, "usr/lib/systemd/system/p.service", TREE_FILE, 0644, "p");
	put(&tree, "usr/lib/systemd/system/i@.service", TREE_FILE, 0644, "i");
	must(apply_to(&tree, text, &result, &err), &err);

	is_int((long long)result.removed, 5, "removed nodes are counted");
	ok(tree_find(&tree, "usr/share/doc/p/changelog") != NULL &&
			tree_find(&tree, "usr/share/doc/p/README") == NULL &&
			tree_find(&tree, "usr/share/doc/p/notes") == NULL &&
			tree_find(&tree, "etc/old") == NULL,
		"removals match whole components and take what is below");
	is_int((long long)result.cleared_count, 2, "setuid and setgid are cleared");
	is_str(result.cleared[0], "usr/bin/su", "... and reported");
	ok(tree_find(&tree, "usr/bin/su")->inode->mode == 0755 &&
			tree_find(&tree, "var/mail")->inode->mode == 02775,
		"... on files, not on directories");
	const struct tree_inode *dir = tree_find(&tree, "a/b")->inode;
	const struct tree_inode *file = tree_find(&tree, "a/b/f")->inode;

	ok(dir->mode == 0711 && dir->uid == 5 && dir->gid == 6, "a directory");
	ok(file->mode == 0600 && file->uid == 7 && file->gid == 0, "a file's metadata");
	is_str(file->origin, "recipe", "its origin");
	is_text(&tree, "a/b/f", "new", "its text");
	is_text(&tree, "etc/there", "replaced", "a package's file is replaced");
	is_str(tree_find(&tree, "a/l")->inode->target, "b/f", "a link");
	is_text(&tree, "etc/systemd/system/x.service", "[Unit]", "a unit");
	is_str(tree_find(&tree, "etc/systemd/system/y.target.wants/x.service")->inode->target,
		"/etc/systemd/system/x.service", "wanted");
	is_str(tree_find(&tree, "etc/systemd/system/z.target.wants/p.service")->inode->target,
		"/usr/lib/systemd/system/p.service", "a package's unit, wanted");
	is_str(tree_find(&tree, "etc/systemd/system/y.target.wants/i@tty1.service")->inode->target,
		"/usr/lib/systemd/system/i@.service", "an instance of a template");
	is_str(tree_find(&tree, "etc/systemd/system/m.service")->inode->target, "/dev/null",
		"a masked unit");
	is_text(&tree, "etc/machine-id", "", "an empty machine-id");
	is_int(tree_find(&tree, "etc/machine-id")->inode->mode, 0444, "... read-only");
	is_text(&tree, "etc/resolv.conf", "", "an empty resolv.conf");
	is_str(tree_find(&tree, "var/tmp")->inode->target, "../tmp", "/var/tmp is a link");
	ok(!result.agent.present && !result.policy.present, "no agent, no policy");
	bool times = true;

	tree_for_each (&tree, node) {
		times = times && node->inode->mtime == 77;
	}
	ok(times, "every time is the recipe's");
}

static void test_bad_steps(void)
{
	bad("[rootfs]\nremove = [\"/usr/lib/*\", \"/nothing\"]\n", -EBADMSG,
		"\"nothing\" matches nothing", "a removal that matches nothing");
	bad("[rootfs]\nremove = [\"/usr\"]\n", -EKEYREJECTED, "sbin/init",
		"a removal that takes init away");
	bad("[[directory]]\npath = \"/sbin/init\"\n[[file]]\npath = \"/x\"\ntext = \"\"\n",
		-EKEYREJECTED, "sbin/init: leads to no executable file",
		"a directory where init was");
	bad("[[file]]\npath = \"/usr\"\ntext = \"\"\n", -EBADMSG, "directory is already there",
		"a file over a directory");
	bad("[[file]]\npath = \"/sbin/init/x\"\ntext = \"\"\n", -EBADMSG, "not a directory",
		"a file below a file");
	bad("[[link]]\npath = \"/usr\"\ntarget = \"x\"\n", -EBADMSG, "directory is already there",
		"a link over a directory");
	bad("[[file]]\npath = \"/x\"\nsource = \"absent\"\n", -ENOENT, "/nowhere/absent",
		"a source that is not there");
	bad("[[file]]\npath = \"/sbin/x\"\ntext = \"1\"\n"
	    "[[file]]\npath = \"/usr/sbin/x\"\ntext = \"2\"\n",
		-EBADMSG, "/usr/sbin/x: the recipe gives it twice",
		"one file by two names of its directory");
	bad("[[file]]\npath = \"/x\"\ntext = \"1\"\n[[link]]\npath = \"/x\"\ntarget = \"y\"\n",
		-EBADMSG, "/x: the recipe gives it twice", "a file and a link at one path");
	bad("[[file]]\npath = \"/etc/systemd/system/u.service\"\ntext = \"1\"\n"
	    "[[unit]]\nname = \"u.service\"\ntext = \"2\"\n",
		-EBADMSG, "unit u.service: /etc/systemd/system/u.service: the recipe gives it",
		"a unit and a file at one path");
	bad("[[directory]]\npath = \"/usr/lib/systemd/systemd/x\"\n", -EBADMSG,
		"directory: usr/lib/systemd/systemd/x: its parent is not a directory",
		"a directory below a file");
	bad("[[unit]]\nname = \"x.service\"\nwanted-by = [\"y.target\"]\n", -EBADMSG,
		"unit x.service: neither the recipe nor a package has its file",
		"a unit that nobody has");
	bad("[[file]]\npath = \"/etc/machine-id\"\ntext = \"0123\"\n", -EKEYREJECTED,
		"machine-id: is not empty", "a machine-id");
	bad("[[file]]\npath = \"/etc/resolv.conf\"\ntext = \"nameserver 10.0.0.1\"\n",
		-EKEYREJECTED, "resolv.conf: is not empty (from recipe)", "a resolver");
	bad("[[link]]\npath = \"/etc/resolv.conf\"\ntarget = \"../run/resolv.conf\"\n",
		-EKEYREJECTED, "resolv.conf: is not a regular file", "a resolv.conf elsewhere");
	bad("[[file]]\npath = \"/var/tmp/x\"\ntext = \"\"\n", -EBADMSG, "/var/tmp is not empty",
		"something in /var/tmp");
}

/* --- checks of what packages bring --- */

static void test_capability(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	struct tree_inode *inode = put(&tree, "usr/bin/ping", TREE_FILE, 0755, "p")->inode;

	inode->xattrs = calloc(1, sizeof(*inode->xattrs));
	inode->xattrs[0].name = strdup("security.capability");
	inode->xattr_count = 1;
	refuses(apply_to(&tree, "", &result, &err), -EKEYREJECTED, &err,
		"/usr/bin/ping: has file capabilities (from deb:test=1)", "file capabilities");
}

static void test_declared_setid(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	RECIPE_AUTO none = {0};
	struct err err;

	base_tree(&tree);
	must(apply_to(&tree, "[[file]]\npath = \"/usr/bin/s\"\ntext = \"s\"\nmode = \"04755\"\n",
		     &result, &err),
		&err);
	is_int(tree_find(&tree, "usr/bin/s")->inode->mode, 04755, "a recipe may declare setuid");
	is_int((long long)result.cleared_count, 0, "... which is not cleared");
	refuses(check_rootfs(&tree, &none, &err), -EKEYREJECTED, &err, "/usr/bin/s: setuid",
		"and what it does not declare is refused");
}

/* --- attributes, joins, lists --- */

static void test_permissions(void)
{
	STEPS_RESULT_AUTO result = {0};
	const struct tree_inode *inode;
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	put(&tree, "usr/bin/ping", TREE_FILE, 04755, "ping");
	put(&tree, "usr/bin/sudo", TREE_FILE, 04755, "sudo");
	put(&tree, "usr/bin/three", TREE_FILE, 0755, "three");
	must(apply_to(&tree,
		     "[[permission]]\npath = \"/usr/bin/ping\"\ncapabilities = \"cap_net_raw=ep\"\n"
		     "[[permission]]\npath = \"/usr/bin/sudo\"\nmode = \"04750\"\ngid = 27\n"
		     "[[permission]]\npath = \"/usr/bin/three\"\nuid = 3\n"
		     "xattrs = { \"user.x\" = \"y\" }\n"
		     "[[file]]\npath = \"/usr/bin/own\"\ntext = \"o\"\nxattrs = { \"user.a\" = "
		     "\"b\" }\n"
		     "capabilities = \"cap_kill=ep\"\n",
		     &result, &err),
		&err);
	inode = tree_find(&tree, "usr/bin/ping")->inode;
	ok(inode->mode == 0755 && inode->xattr_count == 1 &&
			strcmp(inode->xattrs[0].name, "security.capability") == 0 &&
			inode->xattrs[0].size_bytes == 20 && inode->xattrs[0].value[5] == 0x20,
		"a capability in place of setuid");
	inode = tree_find(&tree, "usr/bin/sudo")->inode;
	ok(inode->mode == 04750 && inode->gid == 27 && inode->uid == 0,
		"a setuid that is declared");
	inode = tree_find(&tree, "usr/bin/three")->inode;
	ok(inode->mode == 0755 && inode->uid == 3 && inode->xattr_count == 1,
		"an owner, an attribute");
	inode = tree_find(&tree, "usr/bin/own")->inode;
	ok(inode->xattr_count == 2, "a file with both");
	bad("[[file]]\npath = \"/var/lib/systemd/random-seed\"\ntext = \"seed\"\n", -EKEYREJECTED,
		"/var/lib/systemd/random-seed: is not empty (from recipe)", "a seed for all");
	bad("[[permission]]\npath = \"/none\"\nmode = \"0755\"\n", -EBADMSG,
		"permission: /none: is not there", "a permission of nothing");
}

static void test_joins(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	put(&tree, "usr/share/ca/b.crt", TREE_FILE, 0644, "B");
	put(&tree, "usr/share/ca/a.crt", TREE_FILE, 0644, "A");
	put(&tree, "usr/share/ca/c.pem", TREE_FILE, 0644, "C");
	put(&tree, "usr/share/ca/d/d.crt", TREE_FILE, 0644, "D");
	must(apply_to(&tree,
		     "[[join]]\npath = \"/etc/ssl/all\"\nof = [\"/usr/share/ca/*.pem\", "
		     "\"/usr/share/ca/*.crt\"]\n"
		     "[allow-list]\ndigests = [\"sha256:" DIGEST_B "\", \"sha256:" DIGEST_A "\"]\n",
		     &result, &err),
		&err);
	is_text(&tree, "etc/ssl/all", "CAB", "pattern by pattern, each in the order of paths");
	is_text(&tree, "etc/c8s/bootstrap-allowlist.json",
		"{\n  \"sha256_digests\": [\n    \"sha256:" DIGEST_A "\",\n    \"sha256:" DIGEST_B
		"\"\n  ]\n}\n",
		"a sorted allow-list");
	bad("[[join]]\npath = \"/x\"\nof = [\"/none/*\"]\n", -EBADMSG,
		"join /x: \"/none/*\" matches no file", "a join of nothing");
}

/* --- presets --- */

#define INSTALL "[Unit]\n[Install]\n"

static void preset_case(const char *preset, const char *unit, const char *link, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	put(&tree, "usr/lib/systemd/system-preset/50-a.preset", TREE_FILE, 0644, preset);
	put(&tree, "usr/lib/systemd/system-preset/99-all.preset", TREE_FILE, 0644, "disable *\n");
	put(&tree, "usr/lib/systemd/system/x.service", TREE_FILE, 0644, unit);
	put(&tree, "usr/lib/systemd/system/o.service", TREE_FILE, 0644,
		INSTALL "Alias=oo.service\n");
	must(apply_to(&tree, "[[unit]]\nname = \"x.service\"\npreset = true\n", &result, &err),
		&err);
	if (link != NULL)
		ok(tree_find(&tree, link) != NULL, "%s", what);
	else
		ok(tree_find(&tree, "etc/systemd/system") == NULL, "%s", what);
}

static void bad_preset(const char *unit, int code, const char *needle, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	put(&tree, "usr/lib/systemd/system/x.service", TREE_FILE, 0644, unit);
	refuses(apply_to(&tree, "[[unit]]\nname = \"x.service\"\npreset = true\n", &result, &err),
		code, &err, needle, what);
}

static void test_presets(void)
{
	static const char wanted[] = INSTALL "WantedBy=a.target \"b.target\"\n";

	preset_case("enable x.service\n", wanted, "etc/systemd/system/b.target.wants/x.service",
		"a preset that enables");
	preset_case("disable x.*\nenable x.service\n", wanted, NULL, "the first line that matches");
	preset_case("# enable x.service\n\n;enable x.service\n", wanted, NULL,
		"comments, and another file's line for all");
	preset_case("ignore x.service\n", wanted, NULL, "one that ignores");
	preset_case("enable y.service\n  enable  x.s* \n", wanted,
		"etc/systemd/system/a.target.wants/x.service", "patterns and white space");
	preset_case("enable x.service", INSTALL "RequiredBy=r.target\n",
		"etc/systemd/system/r.target.requires/x.service", "RequiredBy=");
	preset_case("enable x.service", INSTALL "UpheldBy=r.target\n",
		"etc/systemd/system/r.target.upholds/x.service", "UpheldBy=");
	preset_case("enable x.service", INSTALL "Alias=y.service\n", "etc/systemd/system/y.service",
		"Alias=");
	preset_case("enable x.service", INSTALL "Also=x.service o.service\n",
		"etc/systemd/system/oo.service", "Also=");
	preset_case("enable x.service",
		"[Service]\nExecStart=/bin/x \\\n# not this\n  WantedBy=no\n" INSTALL
		"WantedBy=a.target \\\n b.target\n",
		"etc/systemd/system/b.target.wants/x.service", "lines that continue");
	preset_case("enable x.service", "[Service]\nWantedBy=a.target\n[Install]\n", NULL,
		"WantedBy= of another section");
	bad_preset(INSTALL "WantedBy=%i.target\n", -ENOTSUP,
		"unit x.service: x.service: [Install] WantedBy=%i.target: only plain names",
		"a specifier");
	bad_preset(INSTALL "Alias=../x\n", -ENOTSUP, "only plain names", "a path");
	bad_preset(INSTALL "Also=none.service\n", -EBADMSG,
		"unit x.service: x.service: none.service: neither the recipe nor a package has its "
		"file",
		"Also= of nothing");
	bad_preset("WantedBy=a.target\n", -EBADMSG, "line 1: no assignment in a section",
		"no section");
	bad_preset(INSTALL "WantedBy\n", -EBADMSG, "line 3: no assignment", "no assignment");
	bad_preset("[Install\n", -EBADMSG, "line 1: a bad section", "half a section");
}

/* --- an extension --- */

static void test_extension(void)
{
	STEPS_RESULT_AUTO result = {0};
	RECIPE_AUTO recipe = {0};
	TREE_AUTO tree;
	struct err err = {0};
	static const char text[] = HEAD "[extension]\nname = \"x\"\n"
					"[[file]]\npath = \"/usr/bin/x\"\ntext = \"x\"\n";

	must(recipe_parse(text, strlen(text), "r.toml", &recipe, &err), &err);
	must(tree_init(&tree, &err), &err);
	must(steps_apply(&tree, &recipe, &spool, &result, &err), &err);
	is_int((long long)tree.node_count, 4,
		"an extension has what the recipe says and nothing else");
}

/* --- accounts --- */

static int make(const char *passwd, const char *group, const char *text, struct accounts *ret,
	struct err *err)
{
	RECIPE_AUTO recipe = {0};
	BUF_AUTO whole = {0};

	memset(err, 0, sizeof(*err));
	buf_fmt(&whole, "%s%s", HEAD, text);
	must(recipe_parse(whole.data, whole.len, "r.toml", &recipe, err), err);
	return accounts_make(passwd, "passwd", group, "group", &recipe, ret, err);
}

#define ROOT_USER  "root:*:0:0:root:/root:/bin/sh\n"
#define ROOT_GROUP "root:*:0:\n"

static void bad_accounts(const char *passwd, const char *group, const char *text,
	const char *needle, const char *what)
{
	ACCOUNTS_AUTO accounts = {0};
	struct err err;

	refuses(make(passwd, group, text, &accounts, &err), -EBADMSG, &err, needle, what);
}

static void test_accounts(void)
{
	ACCOUNTS_AUTO accounts = {0};
	struct err err;

	must(make(ROOT_USER, ROOT_GROUP "video:*:44:root\nusers:*:100:",
		     "[[user]]\nname = \"bus\"\nuid = 101\ngid = 101\ngecos = \"The Bus\"\n"
		     "[[user]]\nname = \"one\"\nuid = 102\ngid = 100\nhome = \"/o\"\nshell = "
		     "\"/s\"\n"
		     "[[group]]\nname = \"video\"\ngid = 44\nmembers = [\"bus\", \"one\"]\n"
		     "[[group]]\nname = \"render\"\ngid = 200\n",
		     &accounts, &err),
		&err);
	is_str(buf_cstr(&accounts.passwd),
		"root:x:0:0:root:/root:/bin/sh\n"
		"bus:x:101:101:The Bus:/nonexistent:/usr/sbin/nologin\n"
		"one:x:102:100::/o:/s\n",
		"passwd");
	is_str(buf_cstr(&accounts.group),
		"root:x:0:\nvideo:x:44:root,bus,one\nusers:x:100:\nrender:x:200:\nbus:x:101:\n",
		"group: a user's own one is made where none has its number");
	is_str(buf_cstr(&accounts.shadow),
		"root:*::0:99999:7:::\nbus:*::0:99999:7:::\none:*::0:99999:7:::\n",
		"shadow: nobody has a password, and no day is in it");
	is_str(buf_cstr(&accounts.gshadow),
		"root:*::\nvideo:*::root,bus,one\nusers:*::\nrender:*::\nbus:*::\n", "gshadow");
}

static void test_bad_accounts(void)
{
	bad_accounts("root:*:0:0\n", ROOT_GROUP, "", "passwd:1: malformed", "too few fields");
	bad_accounts(ROOT_USER "a:b:1:1:::x:y\n", ROOT_GROUP, "", "passwd:2: malformed",
		"too many fields");
	bad_accounts(":*:0:0:::\n", ROOT_GROUP, "", "passwd:1: malformed", "an empty name");
	bad_accounts("a:*:x:0:::\n", ROOT_GROUP, "", "passwd:1: malformed", "no number");
	bad_accounts("a:*::0:::\n", ROOT_GROUP, "", "passwd:1: malformed", "an empty number");
	bad_accounts("a:*:4294967295:0:::\n", ROOT_GROUP, "", "passwd:1: malformed",
		"the number that is none");
	bad_accounts("\n", ROOT_GROUP, "", "passwd:1: malformed", "an empty line");
	bad_accounts(ROOT_USER ROOT_USER, ROOT_GROUP, "", "root is there twice", "a user twice");
	bad_accounts(ROOT_USER, "root:*:0\n", "", "group:1: malformed", "a malformed group");
	bad_accounts(ROOT_USER, ROOT_GROUP ROOT_GROUP, "", "root is there twice", "a group twice");
	bad_accounts(ROOT_USER, "a:*:1:\n", "", "user root: no group has number 0",
		"a user without group");
	bad_accounts(ROOT_USER, ROOT_GROUP, "[[user]]\nname = \"x\"\nuid = 0\ngid = 0\n",
		"0, for x, is the number of root", "a uid that is taken");
	bad_accounts(ROOT_USER, ROOT_GROUP, "[[user]]\nname = \"root\"\nuid = 1\ngid = 0\n",
		"root is there twice", "a name that is taken");
	bad_accounts(ROOT_USER, ROOT_GROUP "x:*:5:\n", "[[user]]\nname = \"x\"\nuid = 6\ngid = 6\n",
		"x is there twice", "a user whose own group would have another number");
	bad_accounts(ROOT_USER, ROOT_GROUP, "[[group]]\nname = \"root\"\ngid = 1\n",
		"group root has number 0 already", "a group under another number");
	bad_accounts(ROOT_USER, ROOT_GROUP, "[[group]]\nname = \"x\"\ngid = 0\n",
		"0, for x, is the number of root", "a gid that is taken");
	bad_accounts(ROOT_USER, ROOT_GROUP, "[[group]]\nname = \"x\"\ngid = 1\nmembers = [\"y\"]\n",
		"member y is no user", "a member that does not exist");
}

static void test_account_files(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	must(apply_to(&tree, "", &result, &err), &err);
	is_text(&tree, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", "the minimal accounts");
	is_int(tree_find(&tree, "etc/shadow")->inode->mode, 0640, "shadow is not for everybody");
	is_int(tree_find(&tree, "etc/gshadow")->inode->gid, 42, "gshadow is for group shadow");

	STEPS_RESULT_AUTO given = {0};
	TREE_AUTO own;

	base_tree(&own);
	must(apply_to(&own, "[[file]]\npath = \"/etc/group\"\ntext = \"own\"\n", &given, &err),
		&err);
	is_text(&own, "etc/group", "own", "a file of the recipe replaces one of them");

	STEPS_RESULT_AUTO second = {0};
	TREE_AUTO master;

	base_tree(&master);
	put(&master, "usr/share/base-passwd/passwd.master", TREE_FILE, 0644,
		ROOT_USER "bin:*:2:2:bin:/bin:/usr/sbin/nologin\n");
	put(&master, "usr/share/base-passwd/group.master", TREE_FILE, 0644,
		ROOT_GROUP "bin:*:2:\n");
	must(apply_to(&master, "", &second, &err), &err);
	is_text(&master, "etc/group", "root:x:0:\nbin:x:2:\n", "base-passwd's accounts");
}

static void bad_master(size_t n, char byte, int code, const char *needle, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;
	AUTO_FREE char *text = malloc(n);

	memset(text, byte, n);
	base_tree(&tree);
	struct tree_inode *inode =
		put(&tree, "usr/share/base-passwd/passwd.master", TREE_FILE, 0644, NULL)->inode;

	inode->content.mem = (unsigned char *)text;
	inode->content.size_bytes = n;
	text = NULL;
	refuses(apply_to(&tree, "", &result, &err), code, &err, needle, what);
}

static void test_account_limits(void)
{
	ACCOUNTS_AUTO accounts = {0};
	struct err err;
	BUF_AUTO text = {0};

	bad_master(ACCOUNTS_BYTES_MAX + 1, 'x', -EFBIG, "larger than 1048576 bytes",
		"accounts of more than 1 MiB");
	bad_master(8, '\0', -EBADMSG, "passwd.master: has a NUL", "accounts with a NUL");
	for (int i = 0; i <= ACCOUNTS_MAX; i++)
		buf_fmt(&text, "g%d:*:%d:\n", i, i);
	refuses(make(ROOT_USER, buf_cstr(&text), "", &accounts, &err), -EFBIG, &err,
		"group: more than 4096 lines", "too many accounts");
}

/* --- policy --- */

static void policy_case(const char *text, int code, const char *needle, const char *what)
{
	struct policy_report report;
	struct err err = {0};
	int rc = policy_check(text, strlen(text), "p.rego", false, &report, &err);

	if (code == 0)
		ok(rc == 0, "%s", what);
	else
		refuses(rc, code, &err, needle, what);
}

/* How Rego is read is test-rego's business; here is what an image may be sealed with. */
static void test_policy(void)
{
	struct policy_report report;
	struct err err = {0};
	static const char more[] = LOCKED "default ReadStreamRequest := false\n"
					  "default WriteStreamRequest := true\n"
					  "default GetDiagnosticDataRequest = false\n";
	static const char open[] = "package agent_policy\ndefault SetPolicyRequest := true\n"
				   "default AllowRequestsFailingPolicy := true\n";

	must(policy_check(more, strlen(more), "p", false, &report, &err), &err);
	is_str(report.open[0], "ReseedRandomDevRequest", "a request without rule is reported");
	is_str(report.open[1], "WriteStreamRequest", "one that is allowed too");
	ok(report.open[2] == NULL, "one that is denied is not");
	policy_case(LOCKED, 0, NULL, "a locked policy");
	policy_case("", -EBADMSG, "p.rego:1: ", "an empty policy");
	policy_case("package other\n", -EBADMSG, "p.rego:1: ", "another package");
	policy_case("package agent_policy\ndefault ExecProcessRequest := false\n", -EKEYREJECTED,
		"SetPolicyRequest is missing", "no word of SetPolicyRequest");
	policy_case("package agent_policy\ndefault SetPolicyRequest := false\n", -EKEYREJECTED,
		"default ExecProcessRequest := false", "no word of ExecProcessRequest");
	policy_case("package agent_policy\ndefault ExecProcessRequest := false\n"
		    "default SetPolicyRequest := true\n",
		-EKEYREJECTED, "SetPolicyRequest is allowed", "SetPolicyRequest allowed");
	policy_case(LOCKED "SetPolicyRequest { input.ok }\n", -EKEYREJECTED,
		"SetPolicyRequest is conditional", "a rule that may allow it");
	policy_case(LOCKED "default AllowRequestsFailingPolicy := true\n", -EKEYREJECTED,
		"every error would be consent", "errors that count as consent");
	must(policy_check(open, strlen(open), "p", true, &report, &err), &err);
	is_str(report.open[0], "ExecProcessRequest", "a debug image may be open, and says where");
	refuses(policy_check("x", 1, "p", true, &report, &err), -EBADMSG, &err,
		"p:1: ", "but not with what the agent cannot load");
}

#define POLICY_TOML "[policy]\nname = \"p.rego\"\ntext = \"\"\"\n" LOCKED "\"\"\"\n"

static void test_policy_step(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	unsigned char digest[SHA256_SIZE];
	struct err err;

	base_tree(&tree);
	must(apply_to(&tree, POLICY_TOML, &result, &err), &err);
	is_text(&tree, "etc/kata-opa/p.rego", LOCKED, "the policy is installed");
	is_str(tree_find(&tree, STEPS_POLICY_LINK)->inode->target, "p.rego", "and linked");
	is_str(result.policy.path, "etc/kata-opa/p.rego", "its path is in the result");
	must(digest_bytes(DIGEST_SHA256, LOCKED, strlen(LOCKED), digest, &err), &err);
	ok(memcmp(digest, result.policy.sha256, sizeof(digest)) == 0, "so is its digest");
	is_int((long long)result.warning_count, 4, "four requests are warned of");
	is_str(result.warnings[1], "policy: ReadStreamRequest is not denied", "... by name");
	bad("[policy]\nname = \"p.rego\"\ntext = \"package agent_policy\"\n", -EKEYREJECTED,
		"policy: p.rego: ", "a policy that does not lock");
	bad("[policy]\nname = \"default-policy.rego\"\ntext = \"package agent_policy\"\n", -EBADMSG,
		"is the name of the link", "a policy named as the link");
	bad("[policy]\nname = \"p.rego\"\ntext = \"\"\"\n" LOCKED "\"\"\"\nsha256 = "
	    "\"0000000000000000000000000000000000000000000000000000000000000000\"\n",
		-EKEYREJECTED, "policy: text in the recipe: sha256",
		"a policy with another digest");
}

/* --- agent --- */

static char *dir; /* a directory with recipe sources */

static void write_source(const char *name, const void *bytes, size_t n)
{
	BUF_AUTO path = {0};
	struct err err = {0};

	buf_fmt(&path, "%s/sub", dir);
	must(io_mkdirs(buf_cstr(&path), &err), &err);
	path.len = 0;
	buf_fmt(&path, "%s/%s", dir, name);
	must(io_publish(buf_cstr(&path), bytes, n, &err), &err);
}

/* Steps of a recipe that lies in the directory of sources. */
static int apply_here(
	struct tree *tree, const char *text, struct steps_result *ret, struct err *err)
{
	RECIPE_AUTO recipe = {0};
	BUF_AUTO whole = {0};
	BUF_AUTO path = {0};

	memset(err, 0, sizeof(*err));
	base_tree(tree);
	buf_fmt(&whole, "%s%s" POLICY_TOML, HEAD, text);
	buf_fmt(&path, "%s/recipe.toml", dir);
	must(recipe_parse(whole.data, whole.len, buf_cstr(&path), &recipe, err), err);
	return steps_apply(tree, &recipe, &spool, ret, err);
}

static void bad_agent(const char *text, int code, const char *needle, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	refuses(apply_here(&tree, text, &result, &err), code, &err, needle, what);
}

static void test_agent(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;
	size_t n = (1u << 20) + 1;
	AUTO_FREE unsigned char *large = calloc(1, n);

	large[n - 1] = 'x';
	write_source("agent", large, n);
	must(apply_here(&tree,
		     "[agent]\npath = \"agent\"\nstand-in = true\ninstall = \"/sbin/agent\"\n",
		     &result, &err),
		&err);
	is_str(result.agent.path, "usr/sbin/agent", "the agent's path, where links lead");
	is_int((long long)result.agent.size_bytes, (long long)n, "its size");
	ok(result.agent_is_stand_in, "it is a stand-in");
	const struct tree_inode *inode = tree_find(&tree, "usr/sbin/agent")->inode;

	is_int(inode->mode, 0755, "its mode");
	ok(inode->content.mem == NULL && inode->content.fd == spool.fd,
		"what is large goes to the spool");
	unsigned char digest[SHA256_SIZE], last = 0;

	must(digest_bytes(DIGEST_SHA256, large, n, digest, &err), &err);
	ok(memcmp(digest, result.agent.sha256, sizeof(digest)) == 0, "its digest");
	must(tree_read(&inode->content, "agent", &last, 1, n - 1, &err), &err);
	is_int(last, 'x', "and is there whole");
	bad_agent("[agent]\npath = \"none\"\nstand-in = true\n", -ENOENT, "none",
		"an agent that is not there");
	bad_agent("[agent]\npath = \"agent\"\nsha256 = "
		  "\"0000000000000000000000000000000000000000000000000000000000000000\"\n",
		-EKEYREJECTED, "agent", "an agent with another digest");
	write_source("sub/file", "", 0);
	bad_agent("[agent]\npath = \"sub\"\nstand-in = true\n", -EINVAL, "not a regular file",
		"an agent that is no file");
}

static void test_agent_without_policy(void)
{
	RECIPE_AUTO recipe = {.path = strdup("r.toml"), .agent.present = true};
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	base_tree(&tree);
	must(apply_to(&tree, "", &result, &err), &err);
	refuses(check_rootfs(&tree, &recipe, &err), -EKEYREJECTED, &err, "without a [policy]",
		"an agent without a policy");
}

/* A tar of one file, "opt/agent" with the text "tarred", and a link to it. */
static void agent_tar(bool whole)
{
	static const struct {
		const char *name, *link, *data;
		char type;
	} members[] = {{"opt/agent", "", "tarred", '0'}, {"opt/link", "opt/agent", "", '1'}};
	unsigned char tar[5 * 512] = {0}, *block = tar;

	for (size_t i = 0; i < 2; i++) {
		unsigned sum = 0;

		memcpy(block, members[i].name, strlen(members[i].name));
		memcpy(block + 157, members[i].link, strlen(members[i].link));
		memcpy(block + 100, "0000644", 7);
		memcpy(block + 124, "00000000000", 11);
		block[134] = (unsigned char)('0' + strlen(members[i].data));
		memset(block + 148, ' ', 8);
		block[156] = (unsigned char)members[i].type;
		memcpy(block + 257, "ustar\00000", 8);
		for (size_t j = 0; j < 512; j++)
			sum += block[j];
		for (size_t j = 6; j-- > 0; sum >>= 3)
			block[148 + j] = (unsigned char)('0' + (sum & 7));
		block += 512;
		if (members[i].data[0] != '\0') {
			memcpy(block, members[i].data, strlen(members[i].data));
			block += 512;
		}
	}
	write_source("agent.tar", tar, whole ? sizeof(tar) : sizeof(tar) - 512);
}

/* A recipe that takes @member of the archive, whose digest it gives unless @wrong. */
static int member_steps(const char *member, bool wrong, struct tree *tree, struct steps_result *ret,
	struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	char hex[DIGEST_HEX_MAX];
	BUF_AUTO path = {0};
	BUF_AUTO text = {0};

	memset(err, 0, sizeof(*err));
	buf_fmt(&path, "%s/agent.tar", dir);
	must(io_digest_file(buf_cstr(&path), DIGEST_SHA256, digest, NULL, err), err);
	digest[0] ^= wrong;
	hex_encode(digest, sizeof(digest), hex);
	buf_fmt(&text, "[agent]\npath = \"agent.tar\"\nmember = \"%s\"\nsha256 = \"%s\"\n", member,
		hex);
	return apply_here(tree, buf_cstr(&text), ret, err);
}

static void bad_member(
	const char *member, bool wrong, int code, const char *needle, const char *what)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	refuses(member_steps(member, wrong, &tree, &result, &err), code, &err, needle, what);
}

static void test_agent_member(void)
{
	STEPS_RESULT_AUTO result = {0};
	TREE_AUTO tree;
	struct err err;

	agent_tar(true);
	must(member_steps("opt/agent", false, &tree, &result, &err), &err);
	is_text(&tree, "usr/bin/kata-agent", "tarred", "an agent out of an archive");
	is_int(tree_find(&tree, "usr/bin/kata-agent")->inode->mode, 0755, "its mode is ours");
	bad_member("opt/agent", true, -EKEYREJECTED, "the recipe says",
		"an archive with another digest");
	bad_member("opt/none", false, -EBADMSG, "no regular file \"opt/none\"",
		"a member that is not there");
	bad_member("opt/link", false, -EBADMSG, "no regular file \"opt/link\"",
		"a member that is a link");
	agent_tar(false);
	bad_member("opt/agent", false, -EBADMSG, "the archive is cut off",
		"an archive that is cut off");
}

int main(void)
{
	char template[] = "/tmp/assay-test-steps.XXXXXX";
	struct err err = {0};

	dir = mkdtemp(template);
	if (dir == NULL)
		return 1;
	must(spool_init(&spool, "/tmp", &err), &err);
	test_everything();
	test_bad_steps();
	test_capability();
	test_declared_setid();
	test_permissions();
	test_joins();
	test_presets();
	test_extension();
	test_accounts();
	test_bad_accounts();
	test_account_files();
	test_account_limits();
	test_policy();
	test_policy_step();
	test_agent();
	test_agent_without_policy();
	test_agent_member();
	spool_done(&spool);
	must(io_remove_tree(dir, &err), &err);
	return tap_done();
}
