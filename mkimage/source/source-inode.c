/* Inodes of sources (source-inode.h). */
#define _GNU_SOURCE
#include "mkimage/source/source-inode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mkimage/source/source-archive.h"

#define CAPABILITY_NAME "security.capability"
#define XATTR_NAME_MAX	255

static const struct {
	unsigned format;
	enum tree_type type;
	unsigned need; /* enum source_allow */
} types[] = {
	{S_IFREG, TREE_FILE, 0},
	{S_IFDIR, TREE_DIR, 0},
	{S_IFLNK, TREE_SYMLINK, 0},
	{S_IFCHR, TREE_CHR, SOURCE_ALLOW_DEVICES},
	{S_IFBLK, TREE_BLK, SOURCE_ALLOW_DEVICES},
	{S_IFIFO, TREE_FIFO, SOURCE_ALLOW_DEVICES},
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

int source_inode_mode(struct tree_inode *inode, unsigned mode, unsigned allow, struct err *err)
{
	size_t i = 0;

	while (i < TYPE_COUNT && types[i].format != (mode & S_IFMT))
		i++;
	if (i == TYPE_COUNT)
		return err_fail(err, -EBADMSG, "a socket");
	if ((allow & types[i].need) != types[i].need)
		return err_fail(err, -EBADMSG, "special files are not allowed here");
	inode->type = types[i].type;
	inode->mode = inode->type == TREE_SYMLINK ? 0777 : mode & 07777;
	if (inode->type != TREE_DIR && (inode->mode & 06000) != 0 &&
		(allow & SOURCE_ALLOW_SETID) == 0)
		return err_fail(err, -EBADMSG, "setuid or setgid (mode 0%o) is not allowed here",
			(unsigned)inode->mode);
	return 0;
}

static int check_name(const char *name, unsigned allow, struct err *err)
{
	unsigned need = strcmp(name, CAPABILITY_NAME) == 0 ? SOURCE_ALLOW_CAPABILITIES
							   : SOURCE_ALLOW_XATTRS;

	if ((allow & need) != need)
		return err_fail(err, -EBADMSG, "attribute \"%s\" is not allowed here", name);
	return 0;
}

int source_inode_xattr(struct tree_inode *inode, const char *name, size_t name_len,
	const void *value, size_t value_len, unsigned allow, struct err *err)
{
	struct tree_xattr *grown, *xattr;

	if (name_len == 0 || name_len > XATTR_NAME_MAX || memchr(name, '\0', name_len) != NULL)
		return err_fail(err, -EBADMSG, "a malformed attribute's name");
	grown = reallocarray(inode->xattrs, inode->xattr_count + 1, sizeof(*grown));
	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	inode->xattrs = grown;
	xattr = &grown[inode->xattr_count++];
	*xattr = (struct tree_xattr){.name = strndup(name, name_len),
		.value = malloc(value_len > 0 ? value_len : 1),
		.size_bytes = value_len};
	if (xattr->name == NULL || xattr->value == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (value_len > 0)
		memcpy(xattr->value, value, value_len);
	return check_name(xattr->name, allow, err);
}

int source_inode_content(struct tree_inode *inode, uint64_t size_bytes, struct spool *spool,
	uint64_t *used, struct err *err)
{
	if (size_bytes > SOURCE_BYTES_MAX - *used)
		return err_fail(err, -EFBIG, "more bytes than a source may have");
	*used += size_bytes;
	inode->content = (struct tree_content){
		.fd = spool->fd, .off = spool_reserve(spool, size_bytes), .size_bytes = size_bytes};
	return 0;
}

void source_inode_done(struct tree_inode *inode)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		free(inode->xattrs[i].name);
		free(inode->xattrs[i].value);
	}
	free(inode->xattrs);
	free(inode->target);
}
