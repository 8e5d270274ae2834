/* The strict reader of the verity root on the kernel command line (cmdline.h). */
#include "initrd/guest/cmdline.h"

#include <stdbool.h>
#include <string.h>

#define SECTOR_SIZE    512
#define DIGEST_SIZE    32 /* sha256 */
#define BLOCK_SIZE_MIN 512
#define SECTORS_MAX    ((uint64_t)1 << 40)

/* A piece of the text, not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

/* The parameters that are ours; each stands exactly once. */
enum key {
	KEY_CREATE,
	KEY_ROOT,
	KEY_ROOTFLAGS,
	KEY_ROOTFSTYPE,
	KEY_COUNT,
};

static const struct {
	const char *name;
	const char *missing;
	const char *twice;
} keys[KEY_COUNT] = {
	[KEY_CREATE] = {"dm-mod.create", "dm-mod.create= is missing",
		"dm-mod.create= stands twice"},
	[KEY_ROOT] = {"root", "root= is missing", "root= stands twice"},
	[KEY_ROOTFLAGS] = {"rootflags", "rootflags= is missing", "rootflags= stands twice"},
	[KEY_ROOTFSTYPE] = {"rootfstype", "rootfstype= is missing", "rootfstype= stands twice"},
};

static bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

/* The kernel takes '-' and '_' in a parameter's name for the same. */
static char dash(char c)
{
	return c == '_' ? '-' : c;
}

static bool name_is(struct span span, const char *name)
{
	if (span.len != strlen(name))
		return false;
	for (size_t i = 0; i < span.len; i++) {
		if (dash(span.at[i]) != dash(name[i]))
			return false;
	}
	return true;
}

/* Cuts the next field off *@rest, up to @separator or the end; false when nothing is left. */
static bool next_field(struct span *rest, char separator, struct span *ret)
{
	const char *end;

	if (rest->at == NULL)
		return false;
	end = memchr(rest->at, separator, rest->len);
	if (end == NULL) {
		*ret = *rest;
		*rest = (struct span){0};
		return true;
	}
	*ret = (struct span){rest->at, (size_t)(end - rest->at)};
	*rest = (struct span){end + 1, rest->len - ret->len - 1};
	return true;
}

/* Cuts the next parameter off: what stands before a space that is not inside double quotes. */
static bool next_parameter(struct span *rest, struct span *ret)
{
	bool quoted = false;
	size_t end;

	while (rest->len > 0 && rest->at[0] == ' ') {
		rest->at++;
		rest->len--;
	}
	if (rest->len == 0)
		return false;
	for (end = 0; end < rest->len && (quoted || rest->at[end] != ' '); end++) {
		if (rest->at[end] == '"')
			quoted = !quoted;
	}
	*ret = (struct span){rest->at, end};
	rest->at += end;
	rest->len -= end;
	return true;
}

/* A value without the quotes around it; false when quotes stand anywhere else in it. */
static bool unquote(struct span *value)
{
	if (value->len >= 2 && value->at[0] == '"' && value->at[value->len - 1] == '"') {
		value->at++;
		value->len -= 2;
	}
	return memchr(value->at, '"', value->len) == NULL;
}

/* Decimal, no sign, no leading zero. */
static bool read_number(struct span span, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (span.len == 0 || span.len > 19 || (span.at[0] == '0' && span.len > 1))
		return false;
	for (size_t i = 0; i < span.len; i++) {
		if (span.at[i] < '0' || span.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(span.at[i] - '0');
	}
	*ret = value;
	return value <= max;
}

static bool read_block_size(struct span span, uint32_t *ret)
{
	uint64_t value;

	if (!read_number(span, CMDLINE_BLOCK_MAX, &value) || value < BLOCK_SIZE_MIN ||
		(value & (value - 1)) != 0)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* Copies @span to @dst (@cap bytes with the NUL) when it is 1..cap-1 characters of @alphabet. */
static bool read_text(struct span span, const char *alphabet, char *dst, size_t cap)
{
	if (span.len == 0 || span.len >= cap)
		return false;
	for (size_t i = 0; i < span.len; i++) {
		if (span.at[i] == '\0' || strchr(alphabet, span.at[i]) == NULL)
			return false;
	}
	memcpy(dst, span.at, span.len);
	dst[span.len] = '\0';
	return true;
}

static bool read_device(struct span span, char *dst)
{
	static const char dev[] = "/dev/";

	if (span.len < sizeof(dev) || memcmp(span.at, dev, sizeof(dev) - 1) != 0)
		return false;
	span.at += sizeof(dev) - 1;
	span.len -= sizeof(dev) - 1;
	return read_text(span, "abcdefghijklmnopqrstuvwxyz0123456789", dst, CMDLINE_DEVICE_MAX + 1);
}

static uint64_t hash_tree_blocks(const struct cmdline_root *root)
{
	uint64_t per_block = root->hash_block_size / DIGEST_SIZE;
	uint64_t level = root->data_blocks, total = 0;

	while (level > 1) {
		level = (level + per_block - 1) / per_block;
		total += level;
	}
	return total;
}

enum table_field {
	TABLE_START,
	TABLE_SECTORS,
	TABLE_TARGET,
	TABLE_VERSION,
	TABLE_DATA_DEVICE,
	TABLE_HASH_DEVICE,
	TABLE_DATA_BLOCK_SIZE,
	TABLE_HASH_BLOCK_SIZE,
	TABLE_DATA_BLOCKS,
	TABLE_HASH_START,
	TABLE_ALGORITHM,
	TABLE_ROOT_HASH,
	TABLE_SALT,
	TABLE_COUNT,
};

static const struct {
	enum table_field field;
	const char *value;
	const char *wrong;
} table_constants[] = {
	{TABLE_START, "0", "dm-mod.create: the table does not start at sector 0"},
	{TABLE_TARGET, "verity", "dm-mod.create: the target is not verity"},
	{TABLE_VERSION, "1", "dm-mod.create: the verity version is not 1"},
	{TABLE_HASH_START, "0", "dm-mod.create: the hash tree does not start at block 0"},
	{TABLE_ALGORITHM, "sha256", "dm-mod.create: the hash is not sha256"},
};

static const char *read_table_values(const struct span *field, struct cmdline_root *root)
{
	static const char hex[] = "0123456789abcdef";

	if (!read_number(field[TABLE_SECTORS], SECTORS_MAX, &root->sectors) || root->sectors == 0)
		return "dm-mod.create: the number of sectors is not sensible";
	if (!read_device(field[TABLE_DATA_DEVICE], root->data_device))
		return "dm-mod.create: the data device is not a name in /dev";
	if (!read_device(field[TABLE_HASH_DEVICE], root->hash_device))
		return "dm-mod.create: the hash device is not a name in /dev";
	if (strcmp(root->data_device, root->hash_device) == 0)
		return "dm-mod.create: data and hash device are the same";
	if (!read_block_size(field[TABLE_DATA_BLOCK_SIZE], &root->data_block_size))
		return "dm-mod.create: the data block size is not 512, 1024, 2048 or 4096";
	if (!read_block_size(field[TABLE_HASH_BLOCK_SIZE], &root->hash_block_size))
		return "dm-mod.create: the hash block size is not 512, 1024, 2048 or 4096";
	if (!read_number(field[TABLE_DATA_BLOCKS], SECTORS_MAX, &root->data_blocks))
		return "dm-mod.create: the number of data blocks is not sensible";
	if (root->data_blocks * (root->data_block_size / SECTOR_SIZE) != root->sectors)
		return "dm-mod.create: sectors and data blocks disagree";
	if (!read_text(field[TABLE_ROOT_HASH], hex, root->root_hash, sizeof(root->root_hash)) ||
		strlen(root->root_hash) != 2 * DIGEST_SIZE)
		return "dm-mod.create: the root hash is not 64 lowercase hex digits";
	if (!read_text(field[TABLE_SALT], hex, root->salt, sizeof(root->salt)) ||
		strlen(root->salt) % 2 != 0)
		return "dm-mod.create: the salt is not whole bytes of lowercase hex";
	root->hash_blocks = hash_tree_blocks(root);
	return NULL;
}

static const char *read_table(struct span text, struct cmdline_root *root)
{
	struct span field[TABLE_COUNT], extra;

	for (size_t i = 0; i < TABLE_COUNT; i++) {
		if (!next_field(&text, ' ', &field[i]))
			return "dm-mod.create: the verity table has too few fields";
	}
	if (next_field(&text, ' ', &extra))
		return "dm-mod.create: the verity table has too many fields";
	for (size_t i = 0; i < sizeof(table_constants) / sizeof(table_constants[0]); i++) {
		if (!span_is(field[table_constants[i].field], table_constants[i].value))
			return table_constants[i].wrong;
	}
	return read_table_values(field, root);
}

/* "NAME,UUID,MINOR,FLAGS,TABLE": one device, one table. */
static const char *read_create(struct span text, struct cmdline_root *root)
{
	static const char *const device[] = {CMDLINE_DM_NAME, "", "", "ro"};
	struct span field;

	if (memchr(text.at, ';', text.len) != NULL)
		return "dm-mod.create: more than one device";
	for (size_t i = 0; i < sizeof(device) / sizeof(device[0]); i++) {
		if (!next_field(&text, ',', &field) || !span_is(field, device[i]))
			return "dm-mod.create: it does not start with dm-verity,,,ro,";
	}
	if (text.at == NULL)
		return "dm-mod.create: the verity table is missing";
	if (memchr(text.at, ',', text.len) != NULL)
		return "dm-mod.create: more than one table";
	return read_table(text, root);
}

static const char *read_fs_type(struct span text, struct cmdline_root *root)
{
	static const char *const types[] = {"erofs", "ext4", "xfs"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (span_is(text, types[i])) {
			memcpy(root->fs_type, types[i], strlen(types[i]) + 1);
			return NULL;
		}
	}
	return "rootfstype= is not erofs, ext4 or xfs";
}

/* Mount options that can do no harm to a verified read-only root. */
static bool flag_is_known(struct span flag)
{
	static const char *const flags[] = {
		"ro", "data=ordered", "errors=remount-ro", "errors=panic", "noload", "norecovery"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (span_is(flag, flags[i]))
			return true;
	}
	return false;
}

static const char *read_fs_options(struct span text, struct cmdline_root *root)
{
	struct span flag;
	size_t used = 0;

	while (next_field(&text, ',', &flag)) {
		if (!flag_is_known(flag))
			return "rootflags= has an option that is not allowed";
		if (span_is(flag, "ro"))
			continue;
		if (used + 1 + flag.len > CMDLINE_FLAGS_MAX)
			return "rootflags= is too long";
		if (used > 0)
			root->fs_options[used++] = ',';
		memcpy(root->fs_options + used, flag.at, flag.len);
		used += flag.len;
	}
	root->fs_options[used] = '\0';
	return NULL;
}

/* Files one parameter under its key; parameters of others are let through. */
static const char *take_parameter(struct span parameter, struct span *values)
{
	static const char dm[] = "dm-mod.";
	struct span rest = parameter, name;

	if (parameter.at[0] == '"')
		return "a parameter starts with a quote";
	if (span_is(parameter, "--"))
		return "-- is not supported";
	(void)next_field(&rest, '=', &name);
	if (name_is(name, "rw"))
		return "rw is not allowed";
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!name_is(name, keys[i].name))
			continue;
		if (rest.at == NULL)
			return keys[i].missing;
		if (values[i].at != NULL)
			return keys[i].twice;
		if (!span_is(name, keys[i].name) || !unquote(&rest))
			return "a root parameter is misspelt or misquoted";
		values[i] = rest;
		return NULL;
	}
	name.len = name.len < strlen(dm) ? name.len : strlen(dm);
	if (name_is(name, dm))
		return "a dm-mod. parameter other than dm-mod.create= stands there";
	return NULL;
}

static const char *take_parameters(struct span text, struct span *values)
{
	struct span parameter;
	size_t quotes = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < 0x20 || text.at[i] > 0x7e)
			return "a byte is not printable ASCII";
		quotes += text.at[i] == '"';
	}
	if (quotes % 2 != 0)
		return "a quote is not closed";
	while (next_parameter(&text, &parameter)) {
		const char *wrong = take_parameter(parameter, values);

		if (wrong != NULL)
			return wrong;
	}
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (values[i].at == NULL)
			return keys[i].missing;
	}
	return NULL;
}

const char *cmdline_parse(const char *text, size_t len, struct cmdline_root *ret)
{
	struct cmdline_root root = {0};
	struct span values[KEY_COUNT] = {0};
	const char *wrong;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > CMDLINE_MAX)
		return "it is too long";
	wrong = take_parameters((struct span){text, len}, values);
	if (wrong == NULL)
		wrong = read_create(values[KEY_CREATE], &root);
	if (wrong == NULL && !span_is(values[KEY_ROOT], "/dev/" CMDLINE_ROOT_DEVICE))
		wrong = "root= is not /dev/" CMDLINE_ROOT_DEVICE;
	if (wrong == NULL)
		wrong = read_fs_type(values[KEY_ROOTFSTYPE], &root);
	if (wrong == NULL)
		wrong = read_fs_options(values[KEY_ROOTFLAGS], &root);
	if (wrong != NULL)
		return wrong;
	*ret = root;
	return NULL;
}
