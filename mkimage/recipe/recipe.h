/*
 * Recipes: the TOML document that says what a guest image is made of (schema "assay-recipe/1", docs/formats.md).
 *
 * Strict: an unknown key, a wrong type or a missing field is refused with file and line. Paths of sources are relative to the
 * recipe's own directory; paths in the guest start with "/" in the file and are held here without it (tree.h).
 */
#ifndef MKIMAGE_RECIPE_RECIPE_H
#define MKIMAGE_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

#define RECIPE_SCHEMA	 "assay-recipe/1"
#define RECIPE_MAX_BYTES (1u << 20)
#define RECIPE_ITEMS_MAX 65536 /* entries of any one list */

struct recipe_strings {
	char **items; /* owned */
	size_t count;
};

/* [suite.NAME]: one suite of a Debian-style archive. Which mirror serves an archive is the machine's business. */
struct recipe_suite {
	char *name;
	char *archive;	    /* "debian", "debian-security", "ubuntu" */
	char *distribution; /* "trixie" */
	struct recipe_strings components;
	bool allow_expired; /* a frozen mirror's Release file may be past its Valid-Until */
};

/* [packages], and "package" in [kernel] and [firmware.NAME]: what apt resolves, each in a set of its own in the lock. */
struct recipe_packages {
	char *suite_name;	    /* owned */
	struct recipe_suite *suite; /* borrowed; NULL when the section is absent */
	struct recipe_strings install;
	bool recommends;
	struct recipe_strings exclude; /* resolved packages that must not be taken */
};

enum recipe_import_kind {
	RECIPE_IMPORT_TAR,
	RECIPE_IMPORT_OCI,
	RECIPE_IMPORT_DIR,
	RECIPE_IMPORT_IMAGE,
};

/* [[source]]: files that are not a package's, from one pinned place (sources.h). */
struct recipe_import {
	enum recipe_import_kind kind;
	char *path; /* relative to the recipe */
	bool has_sha256;
	unsigned char sha256[SHA256_SIZE];
	char *to;		    /* guest directory; "" is the root */
	struct recipe_strings only; /* paths in the source to take; none: all */
	uint32_t strip;		    /* leading components of each path to drop */
	unsigned allow;		    /* enum source_allow */
	bool replace;		    /* its files may take the place of others */
	bool bundle;	 /* of a container image: an OCI bundle, its file system below rootfs/ */
	bool keep_owner; /* of a directory: uid and gid as they are */
};

/* "tar" and so on. */
const char *recipe_import_kind_name(enum recipe_import_kind kind);

/* Bytes that a recipe brings along: exactly one of path (relative to the recipe) and text. */
struct recipe_source {
	char *path;
	char *text;
	bool has_sha256;
	unsigned char sha256[SHA256_SIZE];
};

/* Extended attributes, file capabilities (security.capability) among them; sorted by name. */
struct recipe_xattr {
	char *name;
	unsigned char *value;
	size_t size_bytes;
};

struct recipe_xattrs {
	struct recipe_xattr *items; /* owned */
	size_t count;
};

struct recipe_dir {
	char *path;
	uint16_t mode;
	uint32_t uid, gid;
};

struct recipe_file {
	char *path;
	struct recipe_source source;
	uint16_t mode; /* 0644 unless given */
	uint32_t uid, gid;
	struct recipe_xattrs xattrs;
};

/* [[permission]]: what a file or directory that is there already is given. */
struct recipe_permission {
	char *path;
	bool has_mode, has_uid, has_gid;
	uint16_t mode;
	uint32_t uid, gid;
	struct recipe_xattrs xattrs;
};

/* [[join]]: a file made of others, one after the other. */
struct recipe_join {
	char *path;
	struct recipe_strings of; /* patterns over guest paths */
};

struct recipe_link {
	char *path;
	char *target;
};

/* [[user]]: home and shell as passwd(5) holds them, with their slash. */
struct recipe_user {
	char *name;
	uint32_t uid, gid;
	char *gecos; /* "" unless given */
	char *home;  /* "/nonexistent" unless given */
	char *shell; /* "/usr/sbin/nologin" unless given */
};

struct recipe_group {
	char *name;
	uint32_t gid;
	struct recipe_strings members;
};

/* [[unit]]: a systemd unit. source may be absent when the unit comes with a package. */
struct recipe_unit {
	char *name;
	bool has_source;
	struct recipe_source source;
	struct recipe_strings wanted_by; /* targets: a link NAME in TARGET.wants */
	bool preset; /* enabled by its [Install], when the guest's preset files say so */
	bool mask;
};

/* [agent]: a file, or a member of the archive that source names. */
struct recipe_agent {
	bool present;
	struct recipe_source
		source; /* its sha256 is the file's, so an archive is checked before it is read */
	char *member;	/* path in the archive; NULL for a plain file */
	char *install;	/* guest path, "usr/bin/kata-agent" */
	bool stand_in;	/* the test stand-in: no sha256 needed, said plainly in every output */
};

/* [policy]: installed as /etc/kata-opa/BASENAME with the link default-policy.rego. */
struct recipe_policy {
	bool present;
	struct recipe_source source;
	char *name; /* file name */
	bool debug; /* it need not be locked; of a variant alone */
};

/* [allow-list]: the digests of container images that a C8s guest starts with, as a file. */
struct recipe_allow_list {
	bool present;
	char *install;		       /* guest path, "etc/c8s/bootstrap-allowlist.json" */
	struct recipe_strings digests; /* "sha256:..." */
};

/* [extension]: the image is one of Kata's extensions, mounted beside a guest and no guest itself. */
struct recipe_extension {
	char *name; /* NULL: it is none */
	struct recipe_strings
		provided; /* libraries and interpreters that the guest has, by file name */
};

/* [kata]: what goes into the runtime's configuration (kata-config.h). */
struct recipe_kata {
	char *directory;     /* where the build is installed; "/opt/kata/share/NAME" unless given */
	char *kernel_params; /* NULL: the configuration's own stay */
};

/* [kernel.build]: the kernel is compiled from its source. */
struct recipe_kernel_build {
	bool present;
	struct recipe_strings fragments; /* of its configuration, relative to the recipe */
	char *config;			 /* what they resolve to: a lock, relative to the recipe */
};

/* [kernel]: a package's kernel; a file, or a member of the archive that is the file; or with build the source in either. */
struct recipe_kernel {
	bool present;
	struct recipe_packages packages; /* set "kernel" */
	struct recipe_source source;	 /* where there is no package */
	char *member;			 /* in the archive or, of a build, in the package */
	struct recipe_source config;	 /* of a file that carries none */
	struct recipe_kernel_build build;
	bool initrd; /* it sets dm-verity up; else the kernel does (DM_INIT) */
	struct recipe_strings
		modules;   /* loaded by the initrd, in this order, their dependencies first */
	char *compression; /* of the initrd: "zstd", "gzip" or "none" */
};

/* [firmware.NAME]: a member of a package, or a file. */
struct recipe_firmware {
	char *name; /* "snp", "tdx" */
	struct recipe_packages packages;
	char *member; /* path in the package; NULL for a file */
	struct recipe_source source;
};

/* [uki]: kernel, initrd and command line as one image that firmware starts. */
struct recipe_uki {
	bool present;
	struct recipe_firmware stub; /* set "uki"; nameless */
	char *sbat;		     /* lines of its own; NULL: as the specification has it */
};

/* [launch.snp], [launch.tdx]: the shapes that golden values are computed for. */
struct recipe_launch {
	char *tee;	/* "snp" or "tdx" */
	char *firmware; /* a [firmware.NAME] */
	char *vmm;	/* a profile name of measure/ */
	struct recipe_strings cpu;
	uint64_t *vcpus; /* owned */
	size_t vcpus_count;
};

/* A document that a recipe includes. */
struct recipe_document {
	char *path; /* relative to the recipe */
	unsigned char sha256[SHA256_SIZE];
	uint64_t size_bytes;
};

/* What a variant changes, as "KEY", "TABLE.KEY" or "LIST=ITEM". */
struct recipe_delta {
	struct recipe_strings added, changed, dropped;
};

struct recipe {
	char *path;			   /* of recipe.toml */
	char *dir;			   /* what its sources are relative to; "." at least */
	unsigned char sha256[SHA256_SIZE]; /* of the recipe's bytes */
	uint64_t size_bytes;
	struct recipe_document *documents; /* that it includes, in the order they are read */
	size_t document_count;
	char *variant; /* that was asked for; NULL: none */
	struct recipe_delta delta;
	char *name;	/* of the image: "NAME", "NAME-VARIANT" */
	char *identity; /* the recipe's NAME: what salts and UUIDs derive from */
	char *description;
	char *architecture; /* "amd64" */
	uint64_t timestamp; /* every inode's time, seconds since the epoch */
	struct recipe_suite *suites;
	size_t suite_count;
	struct recipe_packages packages; /* set "rootfs" */
	struct recipe_extension extension;
	struct recipe_kata kata;
	struct recipe_kernel kernel;
	struct recipe_uki uki;
	struct {
		char *type; /* "erofs" or "ext4" */
		/* Of EROFS (write-erofs.h): "none", "lz4hc" or "zstd"; level and size are 0
		 * where the recipe does not say. */
		char *compression;
		uint32_t compression_level, cluster_kib;
		bool has_salt;
		unsigned char salt[SHA256_SIZE];
		struct recipe_strings
			remove; /* fnmatch(3) patterns over guest paths, FNM_PATHNAME */
	} rootfs;
	struct recipe_import *imports; /* in the recipe's order */
	size_t import_count;
	char *layout; /* [disk] layout: "kata-mbr", "kata-dax" or "one-disk" */
	char *append; /* [command-line] append: parameters after the verity part */
	struct recipe_dir *dirs;
	size_t dir_count;
	struct recipe_file *files;
	size_t file_count;
	struct recipe_join *joins;
	size_t join_count;
	struct recipe_link *links;
	size_t link_count;
	struct recipe_user *users;
	size_t user_count;
	struct recipe_group *groups;
	size_t group_count;
	struct recipe_unit *units;
	size_t unit_count;
	struct recipe_permission *permissions;
	size_t permission_count;
	struct recipe_allow_list allow_list;
	struct recipe_agent agent;
	struct recipe_policy policy;
	struct recipe_firmware *firmware;
	size_t firmware_count;
	struct recipe_launch *launches;
	size_t launch_count;
};

/* Reads @path: a recipe.toml, or the directory that holds one, with all that it includes; @variant is the name of a [variant.NAME],
 * or NULL. */
int recipe_load(
	const char *path, const char *variant, struct recipe *ret, struct err *err) MUST_CHECK;
/* Parses @len bytes of a recipe that includes nothing as if read from @path. */
int recipe_parse(const void *text, size_t len, const char *path, struct recipe *ret,
	struct err *err) MUST_CHECK;
void recipe_done(struct recipe *recipe);
#define RECIPE_AUTO __attribute__((cleanup(recipe_done))) struct recipe

/* The path of a source that has one, or of an import, malloc'ed; NULL without memory. */
char *recipe_source_path(const struct recipe *recipe, const struct recipe_source *source);
char *recipe_import_path(const struct recipe *recipe, const struct recipe_import *import);

/* Appends the bytes of a source, checked against its sha256 when it has one (-EKEYREJECTED with both digests when it differs). */
int recipe_source_read(const struct recipe *recipe, const struct recipe_source *source,
	size_t max_bytes, struct buf *ret, struct err *err) MUST_CHECK;

#endif
