/*
 * Extended attributes of a recipe (recipe-read.h). File capabilities are VFS_CAP_REVISION_2 of include/uapi/linux/capability.h,
 * little-endian:
 *
 *   0 revision 0x02000000, bit 0: effective (4)   4 permitted 0..31 (4)   8 inheritable 0..31 (4)   12 and 16 the same, 32..63
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/wr.h"
#include "mkimage/recipe/recipe-read.h"

#define XATTRS_MAX	32 /* of one file */
#define XATTR_NAME_MAX	255
#define XATTR_VALUE_MAX 2048 /* EROFS and ext4 hold them beside the inode */
#define CAPABILITY	"security.capability"
#define CAP_REVISION_2	0x02000000
#define CAP_EFFECTIVE	1
#define CAP_BYTES	20

/* By number (include/uapi/linux/capability.h). */
static const char *const capability_names[] = {"chown", "dac_override", "dac_read_search", "fowner",
	"fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service",
	"net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
	"sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
	"audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
	"block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore"};

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(
		((const struct recipe_xattr *)a)->name, ((const struct recipe_xattr *)b)->name);
}

/* Adds an attribute; takes over @value. */
static int add(struct recipe_xattrs *xattrs, const char *name, unsigned char *value, size_t n,
	struct err *err)
{
	struct recipe_xattr *grown = reallocarray(xattrs->items, xattrs->count + 1, sizeof(*grown));
	char *copy = strdup(name);

	if (grown != NULL)
		xattrs->items = grown;
	if (grown == NULL || copy == NULL || value == NULL) {
		free(copy);
		free(value);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	grown[xattrs->count++] = (struct recipe_xattr){copy, value, n};
	qsort(grown, xattrs->count, sizeof(*grown), compare_xattrs);
	return 0;
}

static int check_name(const struct toml *item, struct err *err)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};
	bool known = false;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		known = known || (strncmp(item->key, prefixes[i], n) == 0 && item->key_len > n);
	}
	if (!known || strlen(item->key) != item->key_len || item->key_len > XATTR_NAME_MAX)
		return toml_fail(item, err, -EBADMSG,
			"%.100s: not the name of a user, trusted or security attribute", item->key);
	if (strcmp(item->key, CAPABILITY) == 0)
		return toml_fail(item, err, -EBADMSG, "%s is given by capabilities", CAPABILITY);
	return 0;
}

/* Text as it is; what begins with 0x as bytes, as setfattr(1) takes it. */
static int read_value(const struct toml *item, struct recipe_xattrs *xattrs, struct err *err)
{
	const char *text;
	unsigned char *value;
	size_t n;
	int rc = toml_expect(item, TOML_STRING, err);

	if (rc == 0)
		rc = check_name(item, err);
	if (rc != 0)
		return rc;
	text = item->u.string.data;
	n = item->u.string.len;
	if (n > XATTR_VALUE_MAX)
		return toml_fail(item, err, -EBADMSG, "%.100s: more than %d bytes", item->key,
			XATTR_VALUE_MAX);
	value = calloc(1, n + 1);
	if (value != NULL && n >= 2 && text[0] == '0' && text[1] == 'x') {
		n = (n - 2) / 2;
		if (strlen(text) != item->u.string.len || !hex_decode(text + 2, value, n)) {
			free(value);
			return toml_fail(item, err, -EBADMSG,
				"%.100s: no pairs of lowercase hexadecimal digits after 0x",
				item->key);
		}
	} else if (value != NULL) {
		memcpy(value, text, n);
	}
	return add(xattrs, item->key, value, n, err);
}

int recipe_read_xattrs(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_TABLE, err);

	if (rc == 0 && value->u.list.count > XATTRS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d attributes", XATTRS_MAX);
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++)
		rc = read_value(value->u.list.items[i], dst, err);
	return rc;
}

/* The number of the capability that the @n characters at @name say; -1: none. */
static int capability_of(const char *name, size_t n)
{
	if (n <= 4 || memcmp(name, "cap_", 4) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(capability_names) / sizeof(*capability_names); i++) {
		if (strlen(capability_names[i]) == n - 4 &&
			memcmp(capability_names[i], name + 4, n - 4) == 0)
			return (int)i;
	}
	return -1;
}

/* The names before "=", as bits. */
static int read_names(
	const struct toml *value, const char *text, size_t n, uint64_t *ret, struct err *err)
{
	uint64_t bits = 0;

	for (const char *at = text; at <= text + n;) {
		const char *comma = memchr(at, ',', (size_t)(text + n - at));
		const char *end = comma != NULL ? comma : text + n;
		int number = capability_of(at, (size_t)(end - at));

		if (number < 0 || (bits & UINT64_C(1) << number) != 0)
			return toml_fail(value, err, -EBADMSG,
				number < 0 ? "\"%.*s\" is no capability"
					   : "\"%.*s\" is there twice",
				(int)(end - at < 40 ? end - at : 40), at);
		bits |= UINT64_C(1) << number;
		at = end + 1;
	}
	*ret = bits;
	return 0;
}

static unsigned char *encode(uint64_t permitted, uint64_t inheritable, bool effective)
{
	unsigned char *bytes = malloc(CAP_BYTES);
	struct wr wr = wr_init(bytes, CAP_BYTES);

	if (bytes == NULL)
		return NULL;
	wr_le32(&wr, CAP_REVISION_2 | (effective ? CAP_EFFECTIVE : 0));
	wr_le32(&wr, (uint32_t)permitted);
	wr_le32(&wr, (uint32_t)inheritable);
	wr_le32(&wr, (uint32_t)(permitted >> 32));
	wr_le32(&wr, (uint32_t)(inheritable >> 32));
	return bytes;
}

int recipe_read_capabilities(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	const char *flags;
	uint64_t bits;
	int rc = toml_read_string(value, &text, err);

	if (rc != 0)
		return rc;
	flags = strchr(text, '=');
	if (flags == NULL || flags[1] == '\0' || strspn(flags + 1, "eip") != strlen(flags + 1) ||
		strlen(flags + 1) > 3 || strpbrk(flags + 1, "ip") == NULL)
		return toml_fail(value, err, -EBADMSG,
			"capabilities are written as \"cap_net_admin,cap_net_raw=ep\"");
	rc = read_names(value, text, (size_t)(flags - text), &bits, err);
	if (rc != 0)
		return rc;
	return add(dst, CAPABILITY,
		encode(strchr(flags, 'p') != NULL ? bits : 0, strchr(flags, 'i') != NULL ? bits : 0,
			strchr(flags, 'e') != NULL),
		CAP_BYTES, err);
}

void recipe_xattrs_done(struct recipe_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		free(xattrs->items[i].name);
		free(xattrs->items[i].value);
	}
	free(xattrs->items);
	*xattrs = (struct recipe_xattrs){0};
}
