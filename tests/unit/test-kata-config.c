/* The runtimes' drop-in, byte for byte, and through the reader of TOML. */
#include <stdlib.h>
#include <string.h>

#include "lib/toml.h"
#include "mkimage/kata-config.h"
#include "tests/tap.h"
#include "tests/unit/must.h"

#define HEAD                                                                                       \
	"schema = 'assay-recipe/1'\nname = 'n'\narchitecture = 'amd64'\ntimestamp = 1\n"           \
	"[suite.s]\narchive = 'a'\ndistribution = 'd'\ncomponents = ['c']\n"
#define KERNEL "[kernel]\nsuite = 's'\npackage = 'linux'\n"
#define HASH   "1111111111111111111111111111111111111111111111111111111111111111"
#define SALT   "2222222222222222222222222222222222222222222222222222222222222222"
#define PARAMS                                                                                     \
	"root_hash=" HASH ",salt=" SALT ",data_blocks=256,data_block_size=4096,"                   \
	"hash_block_size=4096"

static void write_case(const char *recipe_text, bool kernel, const char *policy, const char *want,
	const char *what)
{
	struct verity_params verity;
	RECIPE_AUTO recipe = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	must(recipe_parse(recipe_text, strlen(recipe_text), "r.toml", &recipe, &err), &err);
	must(verity_params_parse(PARAMS, strlen(PARAMS), "line", &verity, &err), &err);
	must(kata_config_write(&recipe, &verity, kernel, policy, &text, &err), &err);
	is_str(buf_cstr(&text), want, what);

	TOML_AUTO doc = {0};

	ok(toml_parse(text.data, text.len, "kata.toml", &doc, &err) == 0, "... and is TOML");
}

static void check_escapes(void)
{
	static const char recipe_text[] = HEAD
		"[kata]\ndirectory = '/a\"b\\c'\nkernel-params = 'x=\"1 2\"'\n";
	struct verity_params verity;
	RECIPE_AUTO recipe = {0};
	TOML_AUTO doc = {0};
	BUF_AUTO text = {0};
	struct err err = {0};
	const struct toml *qemu;

	must(recipe_parse(recipe_text, strlen(recipe_text), "r.toml", &recipe, &err), &err);
	must(verity_params_parse(PARAMS, strlen(PARAMS), "line", &verity, &err), &err);
	must(kata_config_write(&recipe, &verity, false, NULL, &text, &err), &err);
	must(toml_parse(text.data, text.len, "kata.toml", &doc, &err), &err);
	qemu = toml_get(toml_get(doc.root, "hypervisor"), "qemu");
	is_str(toml_get(qemu, "image")->u.string.data, "/a\"b\\c/rootfs.img",
		"quotes and backslashes");
	is_str(toml_get(qemu, "kernel_params")->u.string.data, "x=\"1 2\"", "parameters");
}

int main(void)
{
	write_case(HEAD, false, NULL,
		"# n, root hash " HASH "\n\n[hypervisor.qemu]\n"
		"image = \"/opt/kata/share/n/rootfs.img\"\nrootfs_type = \"erofs\"\n"
		"kernel_verity_params = \"" PARAMS "\"\n",
		"an image for a kernel that is somebody else's");
	write_case(HEAD KERNEL "initrd = false\n[kata]\ndirectory = '/srv/x'\n", true, SALT,
		"# n, root hash " HASH "\n# agent policy, sha256 " SALT "\n\n[hypervisor.qemu]\n"
		"kernel = \"/srv/x/vmlinuz\"\nimage = \"/srv/x/rootfs.img\"\n"
		"rootfs_type = \"erofs\"\nkernel_verity_params = \"" PARAMS "\"\n",
		"a kernel that boots it");
	write_case(HEAD KERNEL "[rootfs]\ntype = 'ext4'\n", false, NULL,
		"# n, root hash " HASH "\n"
		"# This build's kernel needs its initrd, which the runtimes do not take beside an "
		"image: "
		"the kernel stays theirs.\n\n[hypervisor.qemu]\n"
		"image = \"/opt/kata/share/n/rootfs.img\"\nrootfs_type = \"ext4\"\n"
		"kernel_verity_params = \"" PARAMS "\"\n",
		"a kernel that needs its initrd");
	write_case(HEAD "[extension]\nname = 'gpu'\n", false, NULL,
		"# n, root hash " HASH "\n# virtio-blk, serial extension-gpu\n\n"
		"[[hypervisor.qemu.guest_extension_images]]\nname = \"gpu\"\n"
		"path = \"/opt/kata/share/n/rootfs.img\"\nverity_params = \"" PARAMS "\"\n",
		"an extension");
	check_escapes();
	return tap_done();
}
