/*
 * Debian binary packages (source-deb.h).
 *
 * The outer format is ar: "!<arch>\n", then members, each at an even offset:
 *   offset size name
 *        0   16 name, padded with spaces
 *       16   32 times, owner and mode (ignored)
 *       48   10 size, decimal
 *       58    2 "`\n"
 */
#define _GNU_SOURCE
#include "mkimage/source/source-deb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/pool.h"

#define AR_MAGIC	  "!<arch>\n"
#define AR_MAGIC_BYTES	  8
#define AR_HEADER_BYTES	  60
#define AR_NAME_BYTES	  16
#define AR_SIZE_OFF	  48
#define AR_SIZE_BYTES	  10
#define CONTROL_BYTES_MAX (1u << 20)
#define USR_MERGE_ORIGIN  "merged-usr"

enum deb_member {
	DEB_BINARY,
	DEB_CONTROL,
	DEB_DATA,
	DEB_MEMBERS,
};

/* What the members are called, in the order that the format demands. */
static const char *const member_names[DEB_MEMBERS][5] = {
	[DEB_BINARY] = {"debian-binary"},
	[DEB_CONTROL] = {"control.tar.xz", "control.tar.zst", "control.tar.gz", "control.tar"},
	[DEB_DATA] = {"data.tar.xz", "data.tar.zst", "data.tar.gz", "data.tar"},
};

struct member {
	uint64_t off, size_bytes;
};

static bool is_member(enum deb_member member, const char *name)
{
	for (size_t i = 0; member_names[member][i] != NULL; i++) {
		if (strcmp(name, member_names[member][i]) == 0)
			return true;
	}
	return false;
}

/* A decimal number padded with spaces. */
static bool ar_number(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < n && field[i] >= '0' && field[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(field[i] - '0');
	if (i == 0)
		return false;
	for (; i < n; i++) {
		if (field[i] != ' ')
			return false;
	}
	*ret = value;
	return true;
}

/* Reads the member header at @off: its name, and where its bytes are inside the @size bytes of the file. */
static int ar_header(int fd, uint64_t off, uint64_t size, char name[AR_NAME_BYTES + 1],
	struct member *ret, struct err *err)
{
	unsigned char header[AR_HEADER_BYTES];
	uint64_t n;
	int rc = io_pread(fd, "member header", header, sizeof(header), off, err);

	if (rc != 0)
		return rc;
	if (header[58] != '`' || header[59] != '\n' ||
		!ar_number(header + AR_SIZE_OFF, AR_SIZE_BYTES, &n))
		return err_fail(
			err, -EBADMSG, "bad member header at byte %llu", (unsigned long long)off);
	if (n > size - off - AR_HEADER_BYTES)
		return err_fail(err, -EBADMSG, "the member at byte %llu is cut off",
			(unsigned long long)off);
	size_t len = AR_NAME_BYTES;

	while (len > 0 && header[len - 1] == ' ')
		len--;
	if (len > 0 && header[len - 1] == '/')
		len--;
	memcpy(name, header, len);
	name[len] = '\0';
	*ret = (struct member){off + AR_HEADER_BYTES, n};
	return 0;
}

static int find_members(int fd, struct member members[DEB_MEMBERS], struct err *err)
{
	char magic[AR_MAGIC_BYTES], name[AR_NAME_BYTES + 1];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "package file");
	uint64_t size = (uint64_t)st.st_size, off = AR_MAGIC_BYTES;
	int rc = io_pread(fd, "package file", magic, sizeof(magic), 0, err);

	if (rc != 0)
		return rc;
	if (memcmp(magic, AR_MAGIC, AR_MAGIC_BYTES) != 0)
		return err_fail(err, -EBADMSG, "not a Debian package (no ar magic)");
	for (int i = 0; i < DEB_MEMBERS; i++) {
		rc = ar_header(fd, off, size, name, &members[i], err);
		if (rc != 0)
			return rc;
		if (!is_member(i, name))
			return err_fail(err, -EBADMSG,
				"member \"%s\" at byte %llu where %s belongs", name,
				(unsigned long long)off, member_names[i][0]);
		off = members[i].off + members[i].size_bytes;
		off += off & 1;
	}
	/* The padding byte of the last member may be absent. */
	if (off < size)
		return err_fail(err, -EBADMSG, "%llu bytes after data.tar",
			(unsigned long long)(size - off));
	return 0;
}

static int check_binary(int fd, const struct member *member, struct err *err)
{
	char text[4];

	if (member->size_bytes != sizeof(text))
		return err_fail(err, -ENOTSUP, "debian-binary is not version 2.0");
	int rc = io_pread(fd, "debian-binary", text, sizeof(text), member->off, err);

	if (rc != 0)
		return rc;
	if (memcmp(text, "2.0\n", sizeof(text)) != 0)
		return err_fail(err, -ENOTSUP, "debian-binary is not version 2.0");
	return 0;
}

/* The value of a one-line field of the control file, malloc'ed into *@ret. */
static int control_field(const char *text, const char *field, char **ret, struct err *err)
{
	size_t n = strlen(field);

	for (const char *line = text; *line != '\0';
		line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncasecmp(line, field, n) != 0 || line[n] != ':')
			continue;
		const char *value = line + n + 1 + strspn(line + n + 1, " \t");
		size_t len = strcspn(value, "\n");

		while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		*ret = strndup(value, len);
		return *ret != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
	}
	return err_fail(err, -EBADMSG, "control: no field \"%s\"", field);
}

static int read_control(int fd, const struct member *member, const struct source_options *options,
	struct spool *spool, struct source_deb *deb, struct err *err)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	BUF_AUTO text = {0};
	struct source_options own = *options;

	own.what = "control.tar";
	own.allow = 0;
	own.only = "control";
	int rc = source_archive_read(
		fd, member->off, member->size_bytes, &own, spool, &archive, err);

	if (rc != 0)
		return rc;
	const struct source_entry *entry = source_archive_find(&archive, "control");

	if (entry == NULL || entry->inode.type != TREE_FILE || entry->hard_link != NULL ||
		entry->inode.content.size_bytes > CONTROL_BYTES_MAX)
		return err_fail(err, -EBADMSG, "control.tar has no file \"control\"");
	size_t n = (size_t)entry->inode.content.size_bytes;
	void *dst = buf_grow(&text, n);

	rc = buf_check(&text, err);
	if (rc == 0)
		rc = tree_read(&entry->inode.content, "control", dst, n, 0, err);
	if (rc == 0)
		rc = control_field(buf_cstr(&text), "Package", &deb->package, err);
	if (rc == 0)
		rc = control_field(buf_cstr(&text), "Version", &deb->version, err);
	if (rc == 0)
		rc = control_field(buf_cstr(&text), "Architecture", &deb->architecture, err);
	return rc;
}

static int read_members(int fd, const struct source_options *options, struct spool *spool,
	struct source_deb *deb, struct err *err)
{
	struct member members[DEB_MEMBERS];
	struct source_options own = *options;
	int rc = find_members(fd, members, err);

	own.what = "data.tar";
	own.by_reference = false;
	if (rc == 0)
		rc = check_binary(fd, &members[DEB_BINARY], err);
	if (rc == 0)
		rc = read_control(fd, &members[DEB_CONTROL], options, spool, deb, err);
	if (rc == 0)
		rc = source_archive_read(fd, members[DEB_DATA].off, members[DEB_DATA].size_bytes,
			&own, spool, &deb->data, err);
	return rc;
}

int source_deb_read(int fd, const struct source_options *options, struct spool *spool,
	struct source_deb *ret, struct err *err)
{
	SOURCE_DEB_AUTO deb = {0};
	int rc = read_members(fd, options, spool, &deb, err);

	if (rc != 0)
		return err_wrap(err, "%s", options->what);
	*ret = deb;
	deb = (struct source_deb){0};
	return 0;
}

void source_deb_done(struct source_deb *deb)
{
	if (deb == NULL)
		return;
	free(deb->package);
	free(deb->version);
	free(deb->architecture);
	source_archive_done(&deb->data);
	*deb = (struct source_deb){0};
}

/* Directories that merged /usr links to, and the links. */
static const char *const usr_merge_dirs[] = {"bin", "sbin", "lib", "lib64"};

static int add_merged(struct tree *tree, const char *name, const char *origin, struct err *err)
{
	char target[16];
	struct tree_inode dir = {
		.type = TREE_DIR, .mode = 0755, .content.fd = -1, .origin = origin};
	struct tree_inode link = {
		.type = TREE_SYMLINK, .mode = 0777, .content.fd = -1, .origin = origin};

	snprintf(target, sizeof(target), "usr/%s", name);
	int rc = tree_parents(tree, target, origin, err);

	if (rc == 0)
		rc = tree_add(tree, target, &dir, TREE_REFUSE, NULL, err);
	if (rc != 0)
		return rc;
	link.target = strdup(target);
	return tree_add(tree, name, &link, TREE_REFUSE, NULL, err);
}

static int usr_merge(struct tree *tree, struct err *err)
{
	const char *origin;
	int rc = tree_origin(tree, USR_MERGE_ORIGIN, &origin, err);

	for (size_t i = 0; rc == 0 && i < sizeof(usr_merge_dirs) / sizeof(*usr_merge_dirs); i++)
		rc = add_merged(tree, usr_merge_dirs[i], origin, err);
	return rc;
}

/* The packages of a set, being read. */
struct set {
	const struct source_deb_options *options;
	struct spool *spool;
	const struct lock_package **packages; /* owned list, sorted by name */
	struct source_deb *debs;	      /* owned, by the same index */
	size_t count;
};

static void set_done(struct set *set)
{
	for (size_t i = 0; set->debs != NULL && i < set->count; i++)
		source_deb_done(&set->debs[i]);
	free(set->debs);
	free(set->packages);
}

#define SET_AUTO __attribute__((cleanup(set_done))) struct set

static int compare_packages(const void *a, const void *b)
{
	const struct lock_package *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int select_packages(const struct lock *lock, struct set *set, struct err *err)
{
	set->packages = calloc(lock->count + 1, sizeof(*set->packages));
	set->debs = calloc(lock->count + 1, sizeof(*set->debs));
	if (set->packages == NULL || set->debs == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < lock->count; i++) {
		if (strcmp(lock->packages[i].set, set->options->set) == 0)
			set->packages[set->count++] = &lock->packages[i];
	}
	qsort(set->packages, set->count, sizeof(*set->packages), compare_packages);
	for (size_t i = 1; i < set->count; i++) {
		if (strcmp(set->packages[i - 1]->name, set->packages[i]->name) == 0)
			return err_fail(err, -EBADMSG, "package %s is locked twice in set %s",
				set->packages[i]->name, set->options->set);
	}
	return 0;
}

static int check_identity(
	const struct lock_package *package, const struct source_deb *deb, struct err *err)
{
	if (strcmp(deb->package, package->name) == 0 &&
		strcmp(deb->version, package->version) == 0 &&
		strcmp(deb->architecture, package->architecture) == 0)
		return 0;
	return err_fail(err, -EKEYREJECTED, "is %s %s (%s), the lock says %s %s (%s)", deb->package,
		deb->version, deb->architecture, package->name, package->version,
		package->architecture);
}

/* pool_fn: reads package @i. */
static int read_package(void *arg, size_t i, struct err *err)
{
	struct set *set = arg;
	const struct lock_package *package = set->packages[i];
	struct source_options options = {.what = package->path,
		.allow = SOURCE_ALLOW_SETID,
		.limits = SOURCE_LIMITS_DEFAULT};
	AUTO_CLOSE int fd = -1;
	int rc = set->options->open(set->options->open_arg, package, &fd, err);

	if (rc == 0)
		rc = source_deb_read(fd, &options, set->spool, &set->debs[i], err);
	if (rc != 0)
		return rc;
	return check_identity(package, &set->debs[i], err) != 0 ? err_wrap(err, "%s", package->path)
								: 0;
}

static int apply_package(struct set *set, size_t i, struct tree *tree, struct err *err)
{
	BUF_AUTO text = {0};
	const char *origin;

	buf_fmt(&text, "deb:%s=%s", set->packages[i]->name, set->packages[i]->version);
	int rc = buf_check(&text, err);

	if (rc == 0)
		rc = tree_origin(tree, buf_cstr(&text), &origin, err);
	if (rc == 0)
		rc = source_archive_apply(&set->debs[i].data, set->packages[i]->path,
			SOURCE_DIRS_KEEP, origin, tree, err);
	source_deb_done(&set->debs[i]);
	return rc;
}

int source_deb_tree(const struct lock *lock, const struct source_deb_options *options,
	struct spool *spool, struct tree *tree, struct err *err)
{
	SET_AUTO set = {.options = options, .spool = spool};
	int rc = select_packages(lock, &set, err);

	if (rc == 0 && options->usr_merge)
		rc = usr_merge(tree, err);
	if (rc == 0)
		rc = pool_run(options->threads, set.count, read_package, &set, err);
	for (size_t i = 0; rc == 0 && i < set.count; i++) {
		progress_report(options->progress, "tree", i, set.count);
		rc = apply_package(&set, i, tree, err);
	}
	return rc;
}
