/*
 * Kernel modules for the initrd: which ones a list of names needs, and in which order they load.
 *
 * Packages bring no modules.dep (depmod runs when they are installed), so dependencies come from each module's own
 * .modinfo section (include/linux/module.h, MODULE_INFO): depends=, softdep=pre:, name= and vermagic=. What modules.builtin
 * lists needs no file. '-' and '_' in names are the same, as for modprobe(8).
 */
#ifndef INITRD_MODULES_H
#define INITRD_MODULES_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

#define MODULES_NAME_MAX   55 /* the kernel's MODULE_NAME_LEN without its NUL, on 64 bits */
#define MODULES_FILES_MAX  65536
#define MODULES_LOADED_MAX 1024
#define MODULES_DEPTH_MAX  64
#define MODULES_BYTES_MAX  (64u << 20) /* of one module, decompressed */

/* The files below usr/lib/modules/VERSION, wherever the caller has them. */
struct modules_dir {
	const char *version; /* the kernel's release: the directory's name */
	const char *const *
		paths; /* relative to the directory: "kernel/fs/erofs/erofs.ko.xz", "modules.builtin" */
	size_t count;
	/* Appends the bytes of paths[@i], as stored, to @ret; at most MODULES_BYTES_MAX. */
	int (*read)(void *arg, size_t i, struct buf *ret, struct err *err);
	void *arg;
};

struct module {
	char *name;	/* owned; with '_' only, without ".ko" */
	struct buf elf; /* decompressed, unchanged: a signature stays on */
};

struct modules {
	struct module *items; /* owned; in load order */
	size_t count;
};

/*
 * Finds @wanted and everything they depend on. The order is that of @wanted, each after its dependencies; a name that is
 * built in gives nothing. Modules end in .ko, .ko.xz, .ko.zst or .ko.gz. A soft dependency counts where it names a module of
 * the directory. -EBADMSG for what is missing, there twice, circular, or of another kernel, with the name in the message.
 */
int modules_resolve(const struct modules_dir *dir, const char *const *wanted, size_t wanted_count,
	struct modules *ret, struct err *err) MUST_CHECK;

/* Checks that every module of @dir is one, by the name of its file, and was built for @dir's version; -EBADMSG. */
int modules_check(const struct modules_dir *dir, struct err *err) MUST_CHECK;

void modules_done(struct modules *modules);
#define MODULES_AUTO __attribute__((cleanup(modules_done))) struct modules

#endif
