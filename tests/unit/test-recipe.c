/* The recipe reader: every field where it belongs, every refusal with its line. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "mkimage/recipe/recipe.h"
#include "tests/tap.h"

#define ZEROS	 "0000000000000000000000000000000000000000000000000000000000000000"
#define ABC_HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char whole[] =
	"schema = \"assay-recipe/1\"\nname = \"demo\"\ndescription = \"a guest\"\n"
	"architecture = \"amd64\"\ntimestamp = 1793491200\n"
	"[suite.stable]\narchive = \"debian\"\ndistribution = \"trixie\"\n"
	"components = [\"main\", \"non-free-firmware\"]\n"
	"[suite.old]\narchive = \"debian-security\"\ndistribution = \"trixie-security/updates\"\n"
	"components = [\"main\"]\nallow-expired = true\n"
	"[packages]\nsuite = \"stable\"\ninstall = [\"systemd\", \"g++\"]\nexclude = [\"ucf\"]\n"
	"recommends = true\n"
	"[kernel]\nsuite = \"old\"\npackage = \"linux-image-cloud-amd64\"\n"
	"modules = [\"virtio_blk\", \"dm-verity\"]\ncompression = \"gzip\"\n"
	"[rootfs]\ntype = \"erofs\"\nsalt = \"" ABC_HASH "\"\nremove = [\"/usr/share/doc/*\"]\n"
	"[command-line]\nappend = \"console=hvc0 quiet\"\n"
	"[[directory]]\npath = \"/srv\"\n"
	"[[directory]]\npath = \"/tmp\"\nmode = \"01777\"\nuid = 1\ngid = 2\n"
	"[[file]]\npath = \"/etc/empty\"\ntext = \"\"\n"
	"[[file]]\npath = \"/usr/bin/x\"\nsource = \"files/x\"\nsha256 = \"" ABC_HASH "\"\n"
	"mode = \"04755\"\nuid = 4294967294\ngid = 7\n"
	"[[link]]\npath = \"/etc/link\"\ntarget = \"../usr/x\"\n"
	"[[user]]\nname = \"_chrony\"\nuid = 100\ngid = 101\n"
	"[[user]]\nname = \"op\"\nuid = 0\ngid = 0\ngecos = \"An Operator\"\nhome = \"/root\"\n"
	"shell = \"/bin/sh\"\n"
	"[[group]]\nname = \"g\"\ngid = 5\nmembers = [\"op\"]\n"
	"[[unit]]\nname = \"kata-agent.service\"\nsource = \"files/agent\"\n"
	"wanted-by = [\"kata-containers.target\"]\n"
	"[[unit]]\nname = \"getty@.service\"\nmask = true\n"
	"[[unit]]\nname = \"dbus.socket\"\nwanted-by = [\"basic.target\", \"sockets.target\"]\n"
	"[agent]\npath = \"../agent.tar\"\nmember = \"usr/bin/kata-agent\"\nsha256 = \"" ABC_HASH
	"\"\n"
	"[policy]\npath = \"files/locked.rego\"\nsha256 = \"" ABC_HASH "\"\n"
	"[firmware.file]\npath = \"OVMF.fd\"\nsha256 = \"" ABC_HASH "\"\n"
	"[firmware.snp]\nsuite = \"stable\"\npackage = \"ovmf-amdsev\"\nmember = \"usr/OVMF.fd\"\n"
	"[launch.snp]\nfirmware = \"snp\"\nvmm = \"qemu\"\ncpu = [\"EPYC-v4\"]\nvcpus = [1, 2, 8]\n"
	"[launch.tdx]\nfirmware = \"file\"\nvmm = \"qemu-10.0\"\nvcpus = [512]\n";

static int parse(const char *text, struct recipe *recipe, struct err *err)
{
	return recipe_parse(text, strlen(text), "dir/r.toml", recipe, err);
}

static bool is_list(const struct recipe_strings *list, const char *first, const char *second)
{
	return list->count == (second != NULL ? 2u : 1u) && strcmp(list->items[0], first) == 0 &&
	       (second == NULL || strcmp(list->items[1], second) == 0);
}

static void check_packages(const struct recipe *recipe)
{
	is_str(recipe->name, "demo", "name");
	is_str(recipe->description, "a guest", "description");
	is_str(recipe->architecture, "amd64", "architecture");
	is_int((long long)recipe->timestamp, 1793491200, "timestamp");
	is_str(recipe->path, "dir/r.toml", "path");
	is_str(recipe->dir, "dir", "directory");
	is_int((long long)recipe->suite_count, 2, "suites");
	is_str(recipe->packages.suite->distribution, "trixie", "a suite by its name");
	ok(!recipe->packages.suite->allow_expired &&
			is_list(&recipe->packages.suite->components, "main", "non-free-firmware"),
		"its components");
	ok(is_list(&recipe->packages.install, "systemd", "g++") && recipe->packages.recommends &&
			is_list(&recipe->packages.exclude, "ucf", NULL),
		"packages");
	is_str(recipe->kernel.packages.suite->archive, "debian-security", "the kernel's suite");
	ok(recipe->kernel.packages.suite->allow_expired, "may be expired");
	ok(is_list(&recipe->kernel.packages.install, "linux-image-cloud-amd64", NULL),
		"one package as a string");
	ok(is_list(&recipe->kernel.modules, "virtio_blk", "dm-verity"), "modules in order");
	is_str(recipe->kernel.compression, "gzip", "compression");
}

static void check_tree(const struct recipe *recipe)
{
	const struct recipe_dir *dirs = recipe->dirs;
	const struct recipe_file *files = recipe->files;

	ok(recipe->rootfs.has_salt && recipe->rootfs.salt[0] == 0xba, "salt");
	ok(is_list(&recipe->rootfs.remove, "usr/share/doc/*", NULL), "removals without a slash");
	is_str(recipe->append, "console=hvc0 quiet", "command line");
	ok(recipe->dir_count == 2 && strcmp(dirs[0].path, "srv") == 0 && dirs[0].mode == 0755 &&
			dirs[0].uid == 0,
		"a directory's defaults");
	ok(dirs[1].mode == 01777 && dirs[1].uid == 1 && dirs[1].gid == 2, "a directory's fields");
	ok(recipe->file_count == 2 && strcmp(files[0].path, "etc/empty") == 0 &&
			files[0].mode == 0644 && strcmp(files[0].source.text, "") == 0 &&
			files[0].source.path == NULL && !files[0].source.has_sha256,
		"a file's defaults");
	ok(files[1].mode == 04755 && files[1].uid == 4294967294 && files[1].gid == 7 &&
			strcmp(files[1].source.path, "files/x") == 0 && files[1].source.has_sha256,
		"a file's fields");
	ok(recipe->link_count == 1 && strcmp(recipe->links[0].path, "etc/link") == 0 &&
			strcmp(recipe->links[0].target, "../usr/x") == 0,
		"a link");
}

static void check_accounts(const struct recipe *recipe)
{
	const struct recipe_user *users = recipe->users;

	ok(recipe->user_count == 2 && strcmp(users[0].name, "_chrony") == 0 &&
			users[0].uid == 100 && users[0].gid == 101 &&
			strcmp(users[0].gecos, "") == 0 &&
			strcmp(users[0].home, "/nonexistent") == 0 &&
			strcmp(users[0].shell, "/usr/sbin/nologin") == 0,
		"a user's defaults");
	ok(strcmp(users[1].gecos, "An Operator") == 0 && strcmp(users[1].home, "/root") == 0 &&
			strcmp(users[1].shell, "/bin/sh") == 0,
		"a user's fields");
	ok(recipe->group_count == 1 && recipe->groups[0].gid == 5 &&
			is_list(&recipe->groups[0].members, "op", NULL),
		"a group");
}

static void check_services(const struct recipe *recipe)
{
	const struct recipe_unit *units = recipe->units;

	ok(recipe->unit_count == 3 && units[0].has_source && !units[0].mask &&
			is_list(&units[0].wanted_by, "kata-containers.target", NULL),
		"a unit of our own");
	ok(units[1].mask && !units[1].has_source, "a masked unit");
	ok(is_list(&units[2].wanted_by, "basic.target", "sockets.target"), "a package's unit");
	ok(recipe->agent.present && !recipe->agent.stand_in &&
			strcmp(recipe->agent.install, "usr/bin/kata-agent") == 0 &&
			strcmp(recipe->agent.member, "usr/bin/kata-agent") == 0,
		"the agent");
	ok(recipe->policy.present && strcmp(recipe->policy.name, "locked.rego") == 0, "the policy");
}

static void check_launches(const struct recipe *recipe)
{
	const struct recipe_firmware *firmware = recipe->firmware;
	const struct recipe_launch *launches = recipe->launches;

	ok(recipe->firmware_count == 2 && strcmp(firmware[0].name, "file") == 0 &&
			firmware[0].packages.suite == NULL && firmware[0].member == NULL &&
			firmware[0].source.has_sha256,
		"firmware from a file");
	ok(strcmp(firmware[1].name, "snp") == 0 && firmware[1].packages.suite != NULL &&
			is_list(&firmware[1].packages.install, "ovmf-amdsev", NULL) &&
			strcmp(firmware[1].member, "usr/OVMF.fd") == 0,
		"firmware from a package");
	ok(recipe->launch_count == 2 && strcmp(launches[0].tee, "snp") == 0 &&
			strcmp(launches[0].firmware, "snp") == 0 &&
			strcmp(launches[0].vmm, "qemu") == 0 &&
			is_list(&launches[0].cpu, "EPYC-v4", NULL) &&
			launches[0].vcpus_count == 3 && launches[0].vcpus[2] == 8,
		"an SNP launch");
	ok(launches[1].cpu.count == 0 && launches[1].vcpus_count == 1 &&
			launches[1].vcpus[0] == 512,
		"a TDX launch");
}

static void check_whole(void)
{
	RECIPE_AUTO recipe = {0};
	struct err err = {0};
	unsigned char digest[SHA256_SIZE];

	is_int(parse(whole, &recipe, &err), 0, "a recipe with every field");
	if (recipe.path == NULL) {
		printf("# %s\n", err.msg);
		return;
	}
	check_packages(&recipe);
	check_tree(&recipe);
	check_accounts(&recipe);
	check_services(&recipe);
	check_launches(&recipe);
	ok(digest_bytes(DIGEST_SHA256, whole, strlen(whole), digest, &err) == 0 &&
			memcmp(digest, recipe.sha256, sizeof(digest)) == 0 &&
			recipe.size_bytes == strlen(whole),
		"knows its own digest and size");
}

#define HEAD                                                                                       \
	"schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = 1\n"           \
	"[suite.s]\narchive = 'a'\ndistribution = 'd'\ncomponents = ['c']\n"

static void check_least(void)
{
	RECIPE_AUTO recipe = {0};
	struct err err = {0};

	is_int(parse(HEAD, &recipe, &err), 0, "the least recipe");
	is_str(recipe.description, "", "no description");
	is_str(recipe.append, "", "no parameters");
	is_str(recipe.kernel.compression, "zstd", "zstd by default");
	is_str(recipe.rootfs.type, "erofs", "erofs by default");
	is_str(recipe.layout, "kata-mbr", "Kata's plain disk by default");
	ok(recipe.packages.suite == NULL && recipe.kernel.packages.suite == NULL &&
			!recipe.agent.present && !recipe.policy.present && !recipe.rootfs.has_salt,
		"nothing else");
}

/* Documents after which nothing of HEAD stands. */
static const struct {
	const char *text;
	int code;
	const char *message;
} bad_heads[] = {
	{"a =", -EBADMSG, "dir/r.toml:1: expected a value"},
	{"", -EBADMSG, "dir/r.toml:1: schema is missing"},
	{"schema = 'assay-recipe/2'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = 1", -ENOTSUP,
		"dir/r.toml:1: schema \"assay-recipe/2\" is not \"assay-recipe/1\""},
	{"schema = 'assay-recipe/1'\nname = 'n/m'\narchitecture = 'amd64'\ntimestamp = 1", -EBADMSG,
		"dir/r.toml:2: \"n/m\" is not a name of letters, digits and ._+-"},
	{"schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'vax'\ntimestamp = 1", -ENOTSUP,
		"dir/r.toml:3: \"vax\" is not a supported architecture"},
	{"schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = 4294967296",
		-EBADMSG, "dir/r.toml:4: timestamp must be 0 to 4294967295"},
	{"schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = -1", -EBADMSG,
		"dir/r.toml:4: timestamp must be 0 to 4294967295"},
};

/* What comes after HEAD, from line 9 on. */
static const struct {
	const char *text, *message;
} bad[] = {
	/* suites */
	{"[suite.'x y']\narchive='a'\ndistribution='d'\ncomponents=['c']",
		"9: \"x y\" is not a name of letters, digits and ._+-"},
	{"[suite.\"x\\u0000\"]\narchive='a'\ndistribution='d'\ncomponents=['c']",
		"9: a name with a NUL character"},
	{"[suite.t]\ndistribution='d'\ncomponents=['c']", "9: archive is missing"},
	{"[suite.t]\narchive='a'\ndistribution='../d'\ncomponents=['c']",
		"11: \"../d\" is not a suite of an archive"},
	{"[suite.t]\narchive='a'\ndistribution='d/'\ncomponents=['c']",
		"11: \"d/\" is not a suite of an archive"},
	{"[suite.t]\narchive='a'\ndistribution='d'\ncomponents=[]", "9: components is empty"},
	{"[suite.t]\narchive='a'\ndistribution='d'\ncomponents=['a b']",
		"12: \"a b\" is not a component of an archive"},
	{"[suite.t]\narchive='a'\ndistribution='d'\ncomponents=['c']\nmirror='x'",
		"13: unknown key mirror"},
	/* attributes and permissions */
	{"[[file]]\npath='/a'\ntext=''\nxattrs=1", "12: xattrs must be a table, not an integer"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'x.y'='1'}",
		"12: x.y: not the name of a user, trusted or security attribute"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'user.'='1'}",
		"12: user.: not the name of a user, trusted or security attribute"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={\"user.\\u0000\"='1'}",
		"12: user.: not the name of a user, trusted or security attribute"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'user.x'=1}",
		"12: user.x must be a string, not an integer"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'user.x'='0x1'}",
		"12: user.x: no pairs of lowercase hexadecimal digits after 0x"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'user.x'='0xAB'}",
		"12: user.x: no pairs of lowercase hexadecimal digits after 0x"},
	{"[[file]]\npath='/a'\ntext=''\nxattrs={'security.capability'='x'}",
		"12: security.capability is given by capabilities"},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill'",
		"12: capabilities are written as \"cap_net_admin,cap_net_raw=ep\""},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill='",
		"12: capabilities are written as \"cap_net_admin,cap_net_raw=ep\""},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill=e'",
		"12: capabilities are written as \"cap_net_admin,cap_net_raw=ep\""},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill=epx'",
		"12: capabilities are written as \"cap_net_admin,cap_net_raw=ep\""},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_fly=ep'",
		"12: \"cap_fly\" is no capability"},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='kill=ep'", "12: \"kill\" is no capability"},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill,=ep'", "12: \"\" is no capability"},
	{"[[file]]\npath='/a'\ntext=''\ncapabilities='cap_kill,cap_kill=ep'",
		"12: \"cap_kill\" is there twice"},
	{"[[permission]]\npath='/a'",
		"9: one of mode, uid, gid, xattrs and capabilities is needed"},
	{"[[permission]]\nmode='0755'", "9: path is missing"},
	{"[[permission]]\npath='/a'\nmode='0755'\n[[permission]]\npath='/a'\nuid=1",
		"9: \"a\" is listed twice"},
	/* joins, allow-lists, extensions, the runtime */
	{"[[join]]\npath='/a'", "9: of is missing"},
	{"[[join]]\npath='/a'\nof=['b']", "11: \"b\" is not an absolute path in the guest"},
	{"[allow-list]\ndigests=['x']",
		"10: \"x\" is not an image's digest, \"sha256:\" and 64 digits"},
	{"[allow-list]\ndigests=['sha256:" ABC_HASH "','sha256:" ABC_HASH "']",
		"10: \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" "
		"is listed twice"},
	{"[allow-list]\ndigests=['sha257:" ABC_HASH "']",
		"10: \"sha257:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" "
		"is not an image's digest, \"sha256:\" and 64 digits"},
	{"[allow-list]", "9: digests is missing"},
	{"[extension]\nname='a.b'", "10: \"a.b\" is not the name of an extension, at most 10 of "
				    "letters, digits, - and _"},
	{"[extension]\nname='12345678901'", "10: \"12345678901\" is not the name of an extension, "
					    "at most 10 of letters, digits, - and _"},
	{"[extension]\nname='x'\nprovided=['']", "11: an empty name"},
	{"[extension]\nname='x'\n[policy]\nname='p'\ntext=''",
		"11: policy has no place in an extension"},
	{"[extension]\nname='x'\n[command-line]\nappend='x'",
		"11: command-line has no place in an extension"},
	{"[kata]\ndirectory='x'", "10: directory is not an absolute path"},
	{"[kata]\ndirectory=\"/a\\n\"", "10: directory holds a control character"},
	{"[launch.tdx]\nfirmware='f'\nvmm='v'\nvcpus=[1]\n[firmware.f]\npath='x'\nsha256='" ABC_HASH
	 "'",
		"9: launch without a kernel: there is nothing to measure"},
	{"[[source]]\nkind='dir'\npath='x'\nsha256='" ZEROS "'\nbundle=true",
		"9: bundle belongs to a container image"},
	{"[[source]]\nkind='oci'\npath='x'\nsha256='" ZEROS "'\nbundle=true\nstrip=1",
		"9: a bundle is the whole image"},
	{"[[unit]]\nname='x.service'\nmask=true\npreset=true",
		"9: x.service is masked and defined or wanted too"},
	/* packages and kernel */
	{"[packages]\nsuite='t'\ninstall=['aa']", "10: there is no [suite.t]"},
	{"[kernel]\nsuite='t'\npackage='aa'", "10: there is no [suite.t]"},
	{"[packages]\nsuite='s'\ninstall=[]", "9: no package is named"},
	{"[packages]\nsuite='s'\ninstall=['aa','bb','aa']", "11: \"aa\" is listed twice"},
	{"[packages]\nsuite='s'\ninstall=['Aa']", "11: \"Aa\" is not a package name"},
	{"[packages]\nsuite='s'\ninstall=['a']", "11: \"a\" is not a package name"},
	{"[packages]\nsuite='s'\ninstall=['aa=1']", "11: \"aa=1\" is not a package name"},
	{"[packages]\nsuite='s'\ninstall=['--force']", "11: \"--force\" is not a package name"},
	{"[packages]\nsuite='s'\ninstall=['aa', 1]", "11: item must be a string, not an integer"},
	{"[packages]\nsuite='s'\ninstall='aa'", "11: install must be an array, not a string"},
	{"[packages]\nsuite='s'\ninstall=['aa','bb']\nexclude=['bb']",
		"9: bb is both installed and excluded"},
	{"[kernel]\nsuite='s'\npackage=[]", "9: no package is named"},
	{"[kernel]\nsuite='s'\npackage='aa'\ncompression='xz'",
		"12: \"xz\" is not a supported compression"},
	{"[kernel]\nsuite='s'\npackage='aa'\nmodules=['../x']",
		"12: \"../x\" is not a kernel module's name"},
	/* rootfs and command line */
	{"[rootfs]\ntype='ext3'", "10: \"ext3\" is not a supported type"},
	{"[disk]", "9: layout is missing"},
	{"[disk]\nlayout='gpt'", "10: \"gpt\" is not a supported layout"},
	{"[disk]\nlayout='kata-mbr'\nsize=1", "11: unknown key size"},
	{"[rootfs]\ncompression='xz'", "10: \"xz\" is not a supported compression"},
	{"[rootfs]\ncompression='lz4hc'\ntype='ext4'", "9: only EROFS can be compressed"},
	{"[rootfs]\ncompression='zstd'\n[disk]\nlayout='kata-dax'",
		"9: compressed files cannot be mapped, which is what kata-dax is for"},
	{"[rootfs]\ncompression='lz4hc'\ncompression-level=13", "9: lz4hc has levels from 1 to 12"},
	{"[rootfs]\ncompression='zstd'\ncompression-level=23", "9: zstd has levels from 1 to 22"},
	{"[rootfs]\ncompression='zstd'\ncluster-kib=4",
		"9: cluster-kib is a power of 2 from 8 to 1024"},
	{"[rootfs]\ncompression='zstd'\ncluster-kib=48",
		"9: cluster-kib is a power of 2 from 8 to 1024"},
	{"[rootfs]\ncompression='zstd'\ncluster-kib=2048",
		"9: cluster-kib is a power of 2 from 8 to 1024"},
	{"[rootfs]\ncompression='none'\ncompression-level=1",
		"9: compression-level and cluster-kib are for what is compressed"},
	{"[rootfs]\ncluster-kib=64",
		"9: compression-level and cluster-kib are for what is compressed"},
	{"[rootfs]\nsalt='00'", "10: salt must be 64 lowercase hexadecimal digits"},
	{"[rootfs]\nremove=['usr/*']", "10: \"usr/*\" is not an absolute path in the guest"},
	{"[rootfs]\nremove=['/']", "10: \"/\" is not an absolute path in the guest"},
	{"[command-line]\nappend=\"a\\nb\"", "10: append holds a control character"},
	{"[command-line]", "9: append is missing"},
	/* the tree */
	{"[[directory]]\npath='/a/../b'", "10: path: a/../b: \".\" or \"..\" in a path"},
	{"[[directory]]\npath='/a//b'", "10: path: a//b: empty component"},
	{"[[directory]]\npath='/a/'", "10: path: a/: empty component"},
	{"[[directory]]\npath='a'", "10: \"a\" is not an absolute path in the guest"},
	{"[[directory]]\npath='/a'\nmode='755'", "11: mode must be octal digits such as \"0755\""},
	{"[[directory]]\npath='/a'\nmode='0788'", "11: mode must be octal digits such as \"0755\""},
	{"[[directory]]\npath='/a'\nmode='010755'",
		"11: mode must be octal digits such as \"0755\""},
	{"[[directory]]\npath='/a'\nmode=0o755", "11: mode must be a string, not an integer"},
	{"[[directory]]\npath='/a'\nuid=4294967295", "11: uid must be 0 to 4294967294"},
	{"[[directory]]\npath='/a'\n[[directory]]\npath='/a'", "9: \"a\" is listed twice"},
	{"[directory]\npath='/a'", "9: directory must be an array, not a table"},
	{"[[file]]\npath='/a'", "9: exactly one of source and text is needed"},
	{"[[file]]\npath='/a'\ntext=''\nsource='x'", "9: exactly one of source and text is needed"},
	{"[[file]]\npath='/a'\nsource='/etc/shadow'",
		"11: source must name a file relative to the recipe's directory"},
	{"[[file]]\npath='/a'\nsource=''",
		"11: source must name a file relative to the recipe's directory"},
	{"[[file]]\npath='/a'\nsource='x/'",
		"11: source must name a file relative to the recipe's directory"},
	{"[[file]]\npath='/a'\ntext=''\nsha256='BA'",
		"12: sha256 must be 64 lowercase hexadecimal digits"},
	{"[[link]]\npath='/a'", "9: target is missing"},
	{"[[link]]\npath='/a'\ntarget=''", "11: target is empty"},
	/* accounts */
	{"[[user]]\nname='Root'\nuid=0\ngid=0", "10: \"Root\" is not an account name"},
	{"[[user]]\nname='r'\ngid=0", "9: uid is missing"},
	{"[[user]]\nname='r'\nuid=0\ngid=0\ngecos='a:b'", "13: gecos holds a colon"},
	{"[[user]]\nname='r'\nuid=0\ngid=0\ngecos=\"a\\nb\"",
		"13: gecos holds a control character"},
	{"[[user]]\nname='r'\nuid=0\ngid=0\nhome='root'",
		"13: home is not an absolute path in the guest"},
	{"[[user]]\nname='r'\nuid=0\ngid=0\n[[user]]\nname='r'\nuid=1\ngid=1",
		"9: \"r\" is listed twice"},
	{"[[group]]\nname='g'\ngid=1\nmembers=['a:b']", "12: \"a:b\" is not an account name"},
	/* units */
	{"[[unit]]\nname='x'\nmask=true", "10: \"x\" is not a unit name"},
	{"[[unit]]\nname='x.conf'\nmask=true", "10: \"x.conf\" is not a unit name"},
	{"[[unit]]\nname='.service'\nmask=true", "10: \".service\" is not a unit name"},
	{"[[unit]]\nname='a/x.service'\nmask=true", "10: \"a/x.service\" is not a unit name"},
	{"[[unit]]\nname='x.service'",
		"9: x.service needs one of source, text, wanted-by, preset and mask"},
	{"[[unit]]\nname='x.service'\nmask=true\ntext=''",
		"9: x.service is masked and defined or wanted too"},
	{"[[unit]]\nname='x.service'\nmask=true\nwanted-by=['a.target']",
		"9: x.service is masked and defined or wanted too"},
	{"[[unit]]\nname='x.service'\nwanted-by=['a.target']\nsha256='" ZEROS "'",
		"9: x.service has a sha256 and no source"},
	{"[[unit]]\nname='x.service'\ntext=''\nsource='x'",
		"9: exactly one of source and text is needed"},
	{"[[unit]]\nname='x.service'\nwanted-by=['target']", "11: \"target\" is not a unit name"},
	/* agent and policy */
	{"[agent]\npath='x'", "9: sha256 is missing"},
	{"[agent]\nsha256='" ZEROS "'", "9: path is missing"},
	{"[agent]\npath='x'\nstand-in=true\nmember='/abs'", "12: member: /abs: absolute path"},
	{"[agent]\npath='x'\nstand-in=true\nmember=''", "12: member is empty"},
	{"[policy]\ntext=''", "9: name is missing"},
	{"[policy]\nsha256='" ZEROS "'", "9: exactly one of path and text is needed"},
	{"[policy]\ntext=''\nname='a/b'", "11: \"a/b\" is not a file name"},
	{"[policy]\npath='a/b c'", "9: \"b c\" is not a file name"},
	/* firmware and launches */
	{"[firmware.f]\nsuite='s'", "9: exactly one of package and path is needed"},
	{"[firmware.f]\npackage='pp'\npath='x'", "9: exactly one of package and path is needed"},
	{"[firmware.f]\nsuite='s'\npackage='pp'", "9: member is missing"},
	{"[firmware.f]\npackage='pp'\nmember='m'", "9: suite is missing"},
	{"[firmware.f]\nsuite='t'\npackage='pp'\nmember='m'", "10: there is no [suite.t]"},
	{"[firmware.f]\nsuite='s'\npackage=['pp']\nmember='m'",
		"11: package must be a string, not an array"},
	{"[firmware.f]\nsuite='s'\npackage='pp'\nmember='m'\nsha256='" ZEROS "'",
		"9: sha256 belongs to path; the lock has the package's"},
	{"[firmware.f]\npath='x'", "9: sha256 is missing"},
	{"[firmware.f]\npath='x'\nmember='m'\nsha256='" ZEROS "'",
		"9: suite and member belong to package"},
	{"[launch.sev]\nfirmware='f'\nvmm='q'\nvcpus=[1]", "9: \"sev\" is not a supported TEE"},
	{"[launch.snp]\nfirmware='f'\nvmm='q'\nvcpus=[1]",
		"9: cpu is missing: a VMSA holds the CPU model's signature"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[1]\ncpu=['x']",
		"9: cpu has no place in a TD's measurement"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[1]", "10: there is no [firmware.f]"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[]", "12: vcpus must list 1 to 64 numbers"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[0]", "12: item must be 1 to 512"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[513]", "12: item must be 1 to 512"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=[2,2]", "12: vcpus must ascend"},
	{"[launch.tdx]\nfirmware='f'\nvmm='q'\nvcpus=['1']",
		"12: item must be an integer, not a string"},
	{"[unknown]", "9: unknown key unknown"},
};

static void check_bad(void)
{
	for (size_t i = 0; i < sizeof(bad_heads) / sizeof(bad_heads[0]); i++) {
		RECIPE_AUTO recipe = {0};
		struct err err = {0};

		is_int(parse(bad_heads[i].text, &recipe, &err), bad_heads[i].code, "refused");
		is_str(err.msg, bad_heads[i].message, "and said so");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		RECIPE_AUTO recipe = {0};
		BUF_AUTO text = {0};
		BUF_AUTO message = {0};
		struct err err = {0};
		int rc;

		buf_fmt(&text, "%s%s", HEAD, bad[i].text);
		buf_fmt(&message, "dir/r.toml:%s", bad[i].message);
		rc = parse(buf_cstr(&text), &recipe, &err);
		ok(err_status(rc) == ERR_EXIT_INPUT && recipe.path == NULL, "refused: %s",
			bad[i].message);
		is_str(err.msg, buf_cstr(&message), "and said so");
	}
}

static void check_long(void)
{
	RECIPE_AUTO recipe = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	buf_str(&text, HEAD "[command-line]\nappend = '");
	for (int i = 0; i < 2047; i++)
		buf_str(&text, "x");
	buf_str(&text, "'\n");
	is_int(parse(buf_cstr(&text), &recipe, &err), 0, "a command line of 2047 characters");
	recipe_done(&recipe);
	text.len -= 2;
	buf_str(&text, "x'\n");
	is_int(parse(buf_cstr(&text), &recipe, &err), -EBADMSG, "one more");
	is_str(err.msg, "dir/r.toml:10: append is longer than 2047 bytes", "is refused");
	text.len = 0;
	buf_str(&text, HEAD "[rootfs]\nremove = [");
	for (int i = 0; i <= RECIPE_ITEMS_MAX; i++)
		buf_fmt(&text, "'/%d',", i);
	buf_str(&text, "]\n");
	is_int(parse(buf_cstr(&text), &recipe, &err), -EBADMSG, "a list of 65537 entries");
	is_str(err.msg, "dir/r.toml:10: more than 65536 entries", "is refused");
}

/* A directory with a recipe and the source that its file names. */
static void check_files(void)
{
	char dir[] = "/tmp/assay-test-XXXXXX";
	RECIPE_AUTO recipe = {0};
	BUF_AUTO path = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	if (mkdtemp(dir) == NULL) {
		printf("Bail out! mkdtemp\n");
		exit(1);
	}
	buf_fmt(&path, "%s/recipe.toml", dir);
	buf_str(&text, HEAD "[[file]]\npath='/a'\nsource='abc'\nsha256='" ABC_HASH "'\n"
			    "[[file]]\npath='/b'\nsource='abc'\nsha256='" ZEROS "'\n"
			    "[[file]]\npath='/c'\ntext='abc'\nsha256='" ABC_HASH "'\n"
			    "[[file]]\npath='/d'\nsource='absent'\n");
	is_int(recipe_load(dir, NULL, &recipe, &err), -ENOENT, "a directory without a recipe");
	ok(io_publish(buf_cstr(&path), text.data, text.len, &err) == 0, "written");
	is_int(recipe_load(dir, NULL, &recipe, &err), 0, "a directory with one");
	is_str(recipe.path, buf_cstr(&path), "its path");
	is_str(recipe.dir, dir, "its directory");
	recipe_done(&recipe);
	is_int(recipe_load(buf_cstr(&path), NULL, &recipe, &err), 0, "by its own name");
	path.len = 0;
	buf_fmt(&path, "%s/abc", dir);
	ok(io_publish(buf_cstr(&path), "abc", 3, &err) == 0, "a source is written");

	text.len = 0;
	buf_str(&text, "kept ");
	is_int(recipe_source_read(&recipe, &recipe.files[0].source, 3, &text, &err), 0, "a source");
	is_int(recipe_source_read(&recipe, &recipe.files[2].source, 3, &text, &err), 0, "a text");
	is_int(recipe_source_read(&recipe, &recipe.files[0].source, 2, &text, &err), -EFBIG,
		"a source over the limit");
	is_int(recipe_source_read(&recipe, &recipe.files[1].source, 3, &text, &err), -EKEYREJECTED,
		"a source with another digest");
	ok(strstr(err.msg, "abc: sha256 is " ABC_HASH ", the recipe says " ZEROS) != NULL,
		"both digests are in the message");
	is_int(recipe_source_read(&recipe, &recipe.files[3].source, 3, &text, &err), -ENOENT,
		"an absent source");
	is_str(buf_cstr(&text), "kept abcabc", "failures add nothing");
	ok(io_remove_tree(dir, &err) == 0, "removed");
}

static void check_attributes(void)
{
	static const unsigned char capability[20] = {
		1, 0, 0, 2, 0, 0x30, 0, 0, 0, 0x30, 0, 0, 0x80};
	RECIPE_AUTO recipe = {0};
	struct err err = {0};
	const struct recipe_xattrs *xattrs;

	is_int(parse(HEAD
		       "[[file]]\npath='/a'\ntext=''\n"
		       "capabilities='cap_net_admin,cap_net_raw,cap_audit_read,cap_perfmon=eip'\n"
		       "xattrs={'user.z'='text', 'trusted.b'='0x00ff', 'user.a'=''}\n"
		       "[[permission]]\npath='/b'\nuid=0\n",
		       &recipe, &err),
		0, "attributes");
	xattrs = &recipe.files[0].xattrs;
	ok(xattrs->count == 4 && strcmp(xattrs->items[0].name, "security.capability") == 0 &&
			strcmp(xattrs->items[1].name, "trusted.b") == 0 &&
			strcmp(xattrs->items[2].name, "user.a") == 0,
		"in the order of their names");
	ok(xattrs->items[1].size_bytes == 2 && memcmp(xattrs->items[1].value, "\0\377", 2) == 0 &&
			xattrs->items[2].size_bytes == 0 && xattrs->items[3].size_bytes == 4,
		"bytes, nothing, text");
	ok(xattrs->items[0].size_bytes == 20, "capabilities of the second revision");
	ok(memcmp(xattrs->items[0].value, capability, 6) == 0 &&
			xattrs->items[0].value[12] == (1u << 5 | 1u << 6),
		"low and high ones");
	ok(recipe.permissions[0].has_uid && !recipe.permissions[0].has_gid &&
			!recipe.permissions[0].has_mode,
		"what a permission does not give stays");
}

int main(void)
{
	check_attributes();
	check_whole();
	check_least();
	check_bad();
	check_long();
	check_files();
	return tap_done();
}
