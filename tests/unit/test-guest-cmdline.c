/* The guest's reader of the kernel command line: Kata's own lines, and every way in which one is refused. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "initrd/guest/cmdline.c"
#include "tests/tap.h"

#define HASH "473f0a4dc896df48cc0c251eab1e9d47b2a67eb0cca5ed29a8000db8468e892b"
#define SALT "abababababababababababababababababababababababababababababababab"

#define TABLE_OF(sectors, blocks)                                                                  \
	"0 " sectors " verity 1 /dev/vda1 /dev/vda2 4096 4096 " blocks " 0 sha256 " HASH " " SALT
#define TABLE TABLE_OF("4096", "512")
#define CREATE                                                                                     \
	"dm-mod.create=\"dm-verity,,,ro,0 4096 verity 1 /dev/vda1 /dev/vda2 4096 4096 512 "        \
	"0 sha256 " HASH " " SALT "\""
#define ROOT "root=/dev/dm-0 rootflags=ro rootfstype=erofs"

static const char *parse(const char *text, struct cmdline_root *ret)
{
	return cmdline_parse(text, strlen(text), ret);
}

/* The Go runtime's line for SNP and TDX, as it stands in the reference. */
static void test_kata(void)
{
	static const char *const line =
		"tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 "
		"i8042.dumbkbd=1 "
		"i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests "
		"net.ifnames=0 "
		"pci=lastbus=0 " CREATE " " ROOT " console=hvc0 console=hvc1 quiet "
		"systemd.show_status=false panic=1 nr_cpus=1 selinux=0 "
		"systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service "
		"systemd.mask=systemd-networkd.socket scsi_mod.scan=none "
		"agent.launch_process_timeout=6 cgroup_no_v1=all "
		"systemd.unified_cgroup_hierarchy=1\n";
	struct cmdline_root root = {0};
	const char *wrong = parse(line, &root);

	ok(wrong == NULL, "Kata's line%s%s", wrong != NULL ? ": " : "", wrong != NULL ? wrong : "");
	is_int((long long)root.sectors, 4096, "sectors");
	is_int((long long)root.data_blocks, 512, "data blocks");
	is_int((long long)root.hash_blocks, 5, "hash blocks: 4 and 1");
	is_int(root.data_block_size, 4096, "data block size");
	is_int(root.hash_block_size, 4096, "hash block size");
	is_str(root.data_device, "vda1", "data device");
	is_str(root.hash_device, "vda2", "hash device");
	is_str(root.root_hash, HASH, "root hash");
	is_str(root.salt, SALT, "salt");
	is_str(root.fs_type, "erofs", "type");
	is_str(root.fs_options, "", "no options but ro");
}

static void test_variants(void)
{
	struct cmdline_root root = {0};
	const char *wrong = parse(
		"a=\"x root=/dev/vda1 y\" dm-mod.create=\"dm-verity,,,ro,0 8 verity 1 "
		"/dev/pmem0p1 /dev/pmem0p2 4096 1024 1 0 sha256 " HASH " 00\"  "
		"root=/dev/dm-0 rootflags=data=ordered,errors=remount-ro ro "
		"rootfstype=\"ext4\"",
		&root);

	ok(wrong == NULL, "ext4 on pmem%s%s", wrong != NULL ? ": " : "",
		wrong != NULL ? wrong : "");
	is_str(root.fs_type, "ext4", "type");
	is_str(root.fs_options, "data=ordered,errors=remount-ro", "options");
	is_str(root.data_device, "pmem0p1", "data device");
	is_int((long long)root.hash_blocks, 0, "one data block has no tree");
	ok(parse("dm-mod.create=\"dm-verity,,,ro,0 128 verity 1 /dev/a /dev/b 512 512 128 0 "
		 "sha256 " HASH " 00\" root=/dev/dm-0 rootflags=ro rootfstype=xfs",
		   &root) == NULL,
		"xfs");
	is_int((long long)root.hash_blocks, 9, "128 blocks of 512: 8 and 1");
}

struct bad {
	const char *what, *line, *wrong;
};

static const struct bad bad[] = {
	{"nothing", "", "dm-mod.create= is missing"},
	{"no table", ROOT, "dm-mod.create= is missing"},
	{"a table by name only", "dm-mod.create " ROOT, "dm-mod.create= is missing"},
	{"no root", CREATE " rootflags=ro rootfstype=erofs", "root= is missing"},
	{"no flags", CREATE " root=/dev/dm-0 rootfstype=erofs", "rootflags= is missing"},
	{"no type", CREATE " root=/dev/dm-0 rootflags=ro", "rootfstype= is missing"},
	{"two tables", CREATE " " CREATE " " ROOT, "dm-mod.create= stands twice"},
	{"two roots", CREATE " " ROOT " root=/dev/dm-0", "root= stands twice"},
	{"two roots, the other first", "root=/dev/vda1 " CREATE " " ROOT, "root= stands twice"},
	{"two flags", CREATE " " ROOT " rootflags=ro", "rootflags= stands twice"},
	{"two types", CREATE " " ROOT " rootfstype=ext4", "rootfstype= stands twice"},
	{"a second table with _", CREATE " " ROOT " dm_mod.create=x",
		"dm-mod.create= stands twice"},
	{"a table with _", "dm_mod.create=x " ROOT, "a root parameter is misspelt or misquoted"},
	{"another device-mapper parameter", CREATE " " ROOT " dm_mod.waitfor=/dev/vdb",
		"a dm-mod. parameter other than dm-mod.create= stands there"},
	{"another root", CREATE " root=/dev/vda1 rootflags=ro rootfstype=erofs",
		"root= is not /dev/dm-0"},
	{"an empty root", CREATE " root= rootflags=ro rootfstype=erofs", "root= is not /dev/dm-0"},
	{"rw", CREATE " rw " ROOT, "rw is not allowed"},
	{"a quoted parameter", "\"root=/dev/vda1\" " CREATE " " ROOT,
		"a parameter starts with a quote"},
	{"a quote inside a value", CREATE " root=/dev/d\"m-0\" rootflags=ro rootfstype=erofs",
		"a root parameter is misspelt or misquoted"},
	{"an open quote", CREATE " " ROOT " x=\"y", "a quote is not closed"},
	{"no quotes", "dm-mod.create=dm-verity,,,ro," TABLE " " ROOT,
		"dm-mod.create: the verity table has too few fields"},
	{"--", CREATE " -- " ROOT, "-- is not supported"},
	{"a tab", CREATE "\t" ROOT, "a byte is not printable ASCII"},
	{"a newline inside", CREATE "\n" ROOT, "a byte is not printable ASCII"},
	{"a byte over 127", CREATE " x=\xa0 " ROOT, "a byte is not printable ASCII"},
	{"another type", CREATE " root=/dev/dm-0 rootflags=ro rootfstype=btrfs",
		"rootfstype= is not erofs, ext4 or xfs"},
	{"a list of types", CREATE " root=/dev/dm-0 rootflags=ro rootfstype=erofs,ext4",
		"rootfstype= is not erofs, ext4 or xfs"},
	{"another flag", CREATE " root=/dev/dm-0 rootflags=ro,device=/dev/vdb rootfstype=erofs",
		"rootflags= has an option that is not allowed"},
	{"an empty flag", CREATE " root=/dev/dm-0 rootflags=ro, rootfstype=erofs",
		"rootflags= has an option that is not allowed"},
	{"too many flags",
		CREATE " root=/dev/dm-0 rootflags=errors=remount-ro,errors=remount-ro,"
		       "errors=remount-ro,errors=remount-ro rootfstype=erofs",
		"rootflags= is too long"},
};

static void refuse(const char *line, const char *message, const char *what)
{
	struct cmdline_root root = {.sectors = 7};
	const char *wrong = parse(line, &root);

	ok(wrong != NULL && strcmp(wrong, message) == 0 && root.sectors == 7, "refused: %s (%s)",
		what, wrong != NULL ? wrong : "it was taken");
}

/* What stands between the quotes of dm-mod.create. */
static const struct bad bad_create[] = {
	{"another name", "root,,,ro," TABLE,
		"dm-mod.create: it does not start with dm-verity,,,ro,"},
	{"a uuid", "dm-verity,x,,ro," TABLE,
		"dm-mod.create: it does not start with dm-verity,,,ro,"},
	{"a minor", "dm-verity,,1,ro," TABLE,
		"dm-mod.create: it does not start with dm-verity,,,ro,"},
	{"rw", "dm-verity,,,rw," TABLE, "dm-mod.create: it does not start with dm-verity,,,ro,"},
	{"no table", "dm-verity,,,ro", "dm-mod.create: the verity table is missing"},
	{"an empty table", "dm-verity,,,ro,", "dm-mod.create: the verity table has too few fields"},
	{"two tables", "dm-verity,,,ro," TABLE "," TABLE, "dm-mod.create: more than one table"},
	{"two devices", "dm-verity,,,ro," TABLE ";other,,,rw,0 8 linear /dev/vdb 0",
		"dm-mod.create: more than one device"},
	{"an optional argument", "dm-verity,,,ro," TABLE " 1 ignore_corruption",
		"dm-mod.create: the verity table has too many fields"},
	{"no salt",
		"dm-verity,,,ro,0 4096 verity 1 /dev/vda1 /dev/vda2 4096 4096 512 0 sha256 " HASH,
		"dm-mod.create: the verity table has too few fields"},
	{"two spaces",
		"dm-verity,,,ro,0  4096 verity 1 /dev/vda1 /dev/vda2 4096 4096 512 0 sha256 " HASH
		" " SALT,
		"dm-mod.create: the verity table has too many fields"},
};

/* The same table with one field replaced. */
static const struct {
	const char *what;
	size_t field;
	const char *value, *wrong;
} bad_fields[] = {
	{"a start", TABLE_START, "8", "dm-mod.create: the table does not start at sector 0"},
	{"no sectors", TABLE_SECTORS, "0", "dm-mod.create: the number of sectors is not sensible"},
	{"hex sectors", TABLE_SECTORS, "0x1000",
		"dm-mod.create: the number of sectors is not sensible"},
	{"a leading zero", TABLE_SECTORS, "04096",
		"dm-mod.create: the number of sectors is not sensible"},
	{"2^64 sectors", TABLE_SECTORS, "18446744073709555712",
		"dm-mod.create: the number of sectors is not sensible"},
	{"too many sectors", TABLE_SECTORS, "1099511627784",
		"dm-mod.create: the number of sectors is not sensible"},
	{"fewer sectors", TABLE_SECTORS, "4088", "dm-mod.create: sectors and data blocks disagree"},
	{"more blocks", TABLE_DATA_BLOCKS, "513",
		"dm-mod.create: sectors and data blocks disagree"},
	{"signed blocks", TABLE_DATA_BLOCKS, "+512",
		"dm-mod.create: the number of data blocks is not sensible"},
	{"another target", TABLE_TARGET, "linear", "dm-mod.create: the target is not verity"},
	{"hash type 0", TABLE_VERSION, "0", "dm-mod.create: the verity version is not 1"},
	{"a device outside /dev", TABLE_DATA_DEVICE, "/tmp/x",
		"dm-mod.create: the data device is not a name in /dev"},
	{"a device below /dev", TABLE_DATA_DEVICE, "/dev/mapper/x",
		"dm-mod.create: the data device is not a name in /dev"},
	{"a device with ..", TABLE_HASH_DEVICE, "/dev/..",
		"dm-mod.create: the hash device is not a name in /dev"},
	{"no device name", TABLE_HASH_DEVICE, "/dev/",
		"dm-mod.create: the hash device is not a name in /dev"},
	{"a long device name", TABLE_HASH_DEVICE, "/dev/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"dm-mod.create: the hash device is not a name in /dev"},
	{"one device", TABLE_HASH_DEVICE, "/dev/vda1",
		"dm-mod.create: data and hash device are the same"},
	{"blocks of 8192", TABLE_DATA_BLOCK_SIZE, "8192",
		"dm-mod.create: the data block size is not 512, 1024, 2048 or 4096"},
	{"blocks of 256", TABLE_HASH_BLOCK_SIZE, "256",
		"dm-mod.create: the hash block size is not 512, 1024, 2048 or 4096"},
	{"blocks of 3000", TABLE_HASH_BLOCK_SIZE, "3000",
		"dm-mod.create: the hash block size is not 512, 1024, 2048 or 4096"},
	{"a hash start", TABLE_HASH_START, "1",
		"dm-mod.create: the hash tree does not start at block 0"},
	{"sha1", TABLE_ALGORITHM, "sha1", "dm-mod.create: the hash is not sha256"},
	{"half a root hash", TABLE_ROOT_HASH, "473f0a4dc896df48cc0c251eab1e9d47",
		"dm-mod.create: the root hash is not 64 lowercase hex digits"},
	{"a longer root hash", TABLE_ROOT_HASH, HASH "0",
		"dm-mod.create: the root hash is not 64 lowercase hex digits"},
	{"an upper-case root hash", TABLE_ROOT_HASH,
		"473F0A4DC896DF48CC0C251EAB1E9D47B2A67EB0CCA5ED29A8000DB8468E892B",
		"dm-mod.create: the root hash is not 64 lowercase hex digits"},
	{"an empty root hash", TABLE_ROOT_HASH, "",
		"dm-mod.create: the root hash is not 64 lowercase hex digits"},
	{"an odd salt", TABLE_SALT, "abc",
		"dm-mod.create: the salt is not whole bytes of lowercase hex"},
	{"a salt of -", TABLE_SALT, "-",
		"dm-mod.create: the salt is not whole bytes of lowercase hex"},
};

static void test_bad_fields(void)
{
	static const char *const good[TABLE_COUNT] = {"0", "4096", "verity", "1", "/dev/vda1",
		"/dev/vda2", "4096", "4096", "512", "0", "sha256", HASH, SALT};
	char line[1024];

	for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
		size_t n = (size_t)sprintf(line, "dm-mod.create=\"dm-verity,,,ro,");

		for (size_t j = 0; j < TABLE_COUNT; j++)
			n += (size_t)sprintf(line + n, "%s%s", j > 0 ? " " : "",
				j == bad_fields[i].field ? bad_fields[i].value : good[j]);
		strcpy(line + n, "\" " ROOT);
		refuse(line, bad_fields[i].wrong, bad_fields[i].what);
	}
}

static void test_bad(void)
{
	char line[2048], *salt = malloc(600), *space = malloc(CMDLINE_MAX + 2);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i].line, bad[i].wrong, bad[i].what);
	for (size_t i = 0; i < sizeof(bad_create) / sizeof(bad_create[0]); i++) {
		snprintf(line, sizeof(line), "dm-mod.create=\"%s\" " ROOT, bad_create[i].line);
		refuse(line, bad_create[i].wrong, bad_create[i].what);
	}
	memset(salt, 'a', 514);
	salt[514] = '\0';
	snprintf(line, sizeof(line),
		"dm-mod.create=\"dm-verity,,,ro,0 4096 verity 1 /dev/vda1 /dev/vda2 4096 4096 512 "
		"0 "
		"sha256 " HASH " %s\" " ROOT,
		salt);
	refuse(line, "dm-mod.create: the salt is not whole bytes of lowercase hex", "a long salt");
	memset(space, ' ', CMDLINE_MAX + 1);
	memcpy(space, CREATE " " ROOT, strlen(CREATE " " ROOT));
	space[CMDLINE_MAX + 1] = '\0';
	refuse(space, "it is too long", "a line over the limit");
	free(salt);
	free(space);
}

int main(void)
{
	test_kata();
	test_variants();
	test_bad_fields();
	test_bad();
	return tap_done();
}
