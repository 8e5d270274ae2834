/* Kernel modules, their dependencies and their load order (modules.h). */
#define _GNU_SOURCE
#include "initrd/modules.h"

#include <archive.h>
#include <archive_entry.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BUILTIN_FILE "modules.builtin"
#define CHUNK_BYTES  65536

enum module_state {
	STATE_NEW,
	STATE_OPEN, /* its dependencies are being looked at */
	STATE_LOADED,
};

struct candidate {
	char *name;  /* owned, normalised */
	size_t file; /* in the directory's list */
	enum module_state state;
};

struct resolver {
	const struct modules_dir *dir;
	struct candidate *candidates; /* owned, sorted by name */
	size_t candidate_count;
	struct candidate *builtin; /* owned, sorted by name */
	size_t builtin_count;
	struct modules loaded;
};

/* What .modinfo says; the texts point into @section. */
struct modinfo {
	struct buf section;
	const char *name, *vermagic, *depends;
};

static void free_candidates(struct candidate *candidates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(candidates[i].name);
	free(candidates);
}

static void resolver_done(struct resolver *resolver)
{
	free_candidates(resolver->candidates, resolver->candidate_count);
	free_candidates(resolver->builtin, resolver->builtin_count);
	modules_done(&resolver->loaded);
}

void modules_done(struct modules *modules)
{
	if (modules == NULL)
		return;
	for (size_t i = 0; i < modules->count; i++) {
		free(modules->items[i].name);
		buf_done(&modules->items[i].elf);
	}
	free(modules->items);
	*modules = (struct modules){0};
}

/* The module's name at the end of a path, @len bytes of it, with '_' only; "" when it cannot be one. */
static void name_from(const char *text, size_t len, char ret[MODULES_NAME_MAX + 1])
{
	ret[0] = '\0';
	if (len > MODULES_NAME_MAX)
		return;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');

		if (!alnum && c != '_' && c != '-') {
			ret[0] = '\0';
			return;
		}
		ret[i] = c;
		if (c == '-')
			ret[i] = '_';
	}
	ret[len] = '\0';
}

static int enable_xz(struct archive *archive)
{
	return archive_read_support_filter_xz(archive);
}

static int enable_zstd(struct archive *archive)
{
	return archive_read_support_filter_zstd(archive);
}

static int enable_gzip(struct archive *archive)
{
	return archive_read_support_filter_gzip(archive);
}

static const struct suffix {
	const char *text;
	int (*enable)(struct archive *archive); /* the one filter; NULL for none */
	int filter;
} suffixes[] = {
	{".ko", NULL, ARCHIVE_FILTER_NONE},
	{".ko.xz", enable_xz, ARCHIVE_FILTER_XZ},
	{".ko.zst", enable_zstd, ARCHIVE_FILTER_ZSTD},
	{".ko.gz", enable_gzip, ARCHIVE_FILTER_GZIP},
};

/* The suffix of a module's file name, or NULL; *@ret_stem is the length before it. */
static const struct suffix *suffix_of(const char *file, size_t len, size_t *ret_stem)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i].text);

		if (len > n && memcmp(file + len - n, suffixes[i].text, n) == 0) {
			*ret_stem = len - n;
			return &suffixes[i];
		}
	}
	return NULL;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static struct candidate *find_candidate(
	struct candidate *candidates, size_t count, const char *name)
{
	const struct candidate key = {.name = (char *)(uintptr_t)name};

	if (count == 0)
		return NULL;
	return bsearch(&key, candidates, count, sizeof(key), compare_candidates);
}

/* Appends the module whose file is the last component of @path; passes over what is none. */
static int add_candidate(
	struct buf *list, const char *path, size_t len, size_t file, struct err *err)
{
	const char *slash = memrchr(path, '/', len);
	const char *base = slash != NULL ? slash + 1 : path;
	char name[MODULES_NAME_MAX + 1];
	struct candidate candidate = {.file = file};
	size_t stem;

	if (suffix_of(base, len - (size_t)(base - path), &stem) == NULL)
		return 0;
	name_from(base, stem, name);
	if (name[0] == '\0')
		return 0;
	if (list->len / sizeof(candidate) >= MODULES_FILES_MAX)
		return err_fail(err, -EBADMSG, "more than %d kernel modules", MODULES_FILES_MAX);
	candidate.name = strdup(name);
	if (candidate.name == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	buf_add(list, &candidate, sizeof(candidate));
	if (list->bad)
		free(candidate.name);
	return buf_check(list, err);
}

/* Turns the list into a sorted array, also when it was cut short by an error. */
static void take_candidates(struct buf *list, struct candidate **ret, size_t *ret_count)
{
	*ret = (struct candidate *)(void *)list->data;
	*ret_count = list->len / sizeof(**ret);
	*list = (struct buf){0};
	if (*ret_count > 1)
		qsort(*ret, *ret_count, sizeof(**ret), compare_candidates);
}

static int index_files(struct resolver *resolver, struct err *err)
{
	const struct modules_dir *dir = resolver->dir;
	struct buf list = {0};
	int code = 0;

	for (size_t i = 0; i < dir->count && code == 0; i++)
		code = add_candidate(&list, dir->paths[i], strlen(dir->paths[i]), i, err);
	take_candidates(&list, &resolver->candidates, &resolver->candidate_count);
	return code;
}

/* modules.builtin: one path a line, in the same form as the files'. */
static int index_builtin_text(struct resolver *resolver, const struct buf *text, struct err *err)
{
	const char *at = buf_cstr(text), *end = at + text->len;
	struct buf list = {0};
	int code = 0;

	while (at < end && code == 0) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (line_end == NULL)
			line_end = end;
		code = add_candidate(&list, at, (size_t)(line_end - at), 0, err);
		at = line_end + 1;
	}
	take_candidates(&list, &resolver->builtin, &resolver->builtin_count);
	return code;
}

static int index_builtin(struct resolver *resolver, struct err *err)
{
	const struct modules_dir *dir = resolver->dir;
	BUF_AUTO text = {0};

	for (size_t i = 0; i < dir->count; i++) {
		int code;

		if (strcmp(dir->paths[i], BUILTIN_FILE) != 0)
			continue;
		code = dir->read(dir->arg, i, &text, err);
		return code != 0 ? code : index_builtin_text(resolver, &text, err);
	}
	return err_fail(err, -EBADMSG, "kernel %s has no " BUILTIN_FILE, dir->version);
}

static void free_archive(struct archive **archive)
{
	archive_read_free(*archive);
}

/* Reads the one stream to its end. */
static int drain(struct archive *archive, const char *path, struct buf *ret, struct err *err)
{
	for (;;) {
		size_t room = MODULES_BYTES_MAX - ret->len;
		unsigned char *dst = buf_grow(ret, CHUNK_BYTES);
		la_ssize_t n;

		if (dst == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		n = archive_read_data(archive, dst, CHUNK_BYTES);
		if (n < 0)
			return err_fail(
				err, -EBADMSG, "%s: %s", path, archive_error_string(archive));
		if ((size_t)n > room)
			return err_fail(err, -EBADMSG, "%s: more than %u bytes come out", path,
				MODULES_BYTES_MAX);
		ret->len -= CHUNK_BYTES - (size_t)n;
		if (n == 0)
			return 0;
	}
}

static int decompress(const struct suffix *suffix, const char *path, const struct buf *stored,
	struct buf *ret, struct err *err)
{
	struct archive *archive __attribute__((cleanup(free_archive))) = archive_read_new();
	struct archive_entry *entry;
	int code;

	if (archive == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (suffix->enable(archive) != ARCHIVE_OK ||
		archive_read_support_format_raw(archive) != ARCHIVE_OK ||
		archive_read_open_memory(archive, stored->data, stored->len) != ARCHIVE_OK ||
		archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return err_fail(err, -EBADMSG, "%s: %s", path, archive_error_string(archive));
	if (archive_filter_count(archive) != 2 || archive_filter_code(archive, 0) != suffix->filter)
		return err_fail(err, -EBADMSG, "%s: not what its suffix says", path);
	code = drain(archive, path, ret, err);
	if (code == 0 && (uint64_t)archive_filter_bytes(archive, -1) != stored->len)
		return err_fail(err, -EBADMSG, "%s: bytes after the end of its stream", path);
	return code;
}

static int read_module(const struct modules_dir *dir, size_t file, struct buf *ret, struct err *err)
{
	const char *path = dir->paths[file];
	BUF_AUTO stored = {0};
	size_t stem;
	const struct suffix *suffix = suffix_of(path, strlen(path), &stem);
	int code = dir->read(dir->arg, file, &stored, err);

	if (code != 0)
		return code;
	if (suffix->enable != NULL)
		return decompress(suffix, path, &stored, ret, err);
	*ret = stored;
	stored = (struct buf){0};
	return 0;
}

static void end_elf(Elf **elf)
{
	elf_end(*elf);
}

/* Copies the section called .modinfo; false when there is none that can be read. */
static bool copy_modinfo(Elf *elf, struct buf *ret)
{
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr header;
		const char *name;
		Elf_Data *data;

		if (gelf_getshdr(section, &header) == NULL)
			return false;
		name = elf_strptr(elf, names, header.sh_name);
		if (name == NULL || strcmp(name, ".modinfo") != 0)
			continue;
		data = header.sh_type == SHT_PROGBITS ? elf_rawdata(section, NULL) : NULL;
		if (data == NULL || data->d_buf == NULL)
			return false;
		buf_add(ret, data->d_buf, data->d_size);
		return !ret->bad;
	}
	return false;
}

/* The value of the entry at *@pos when its key is @key, else NULL; moves to the next entry. */
static const char *modinfo_value(const struct buf *section, size_t *pos, const char *key)
{
	const char *entry = (const char *)section->data + *pos;
	size_t n = strlen(key);

	*pos += strlen(entry) + 1;
	return strncmp(entry, key, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

/* The first value of @key; NULL when there is none. */
static const char *modinfo_find(const struct buf *section, const char *key)
{
	for (size_t pos = 0; pos < section->len;) {
		const char *value = modinfo_value(section, &pos, key);

		if (value != NULL)
			return value;
	}
	return NULL;
}

static int read_modinfo(
	const char *path, const struct buf *bytes, struct modinfo *ret, struct err *err)
{
	Elf *elf __attribute__((cleanup(end_elf))) = NULL;
	GElf_Ehdr header;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_fail(err, -ENOTSUP, "libelf is of another version");
	elf = bytes->len > 0 ? elf_memory((char *)bytes->data, bytes->len) : NULL;
	if (elf == NULL || gelf_getehdr(elf, &header) == NULL || header.e_type != ET_REL)
		return err_fail(err, -EBADMSG, "%s: not an ELF object", path);
	if (!copy_modinfo(elf, &ret->section) || ret->section.len == 0 ||
		ret->section.data[ret->section.len - 1] != '\0')
		return err_fail(err, -EBADMSG, "%s: no sound .modinfo section", path);
	ret->name = modinfo_find(&ret->section, "name");
	ret->vermagic = modinfo_find(&ret->section, "vermagic");
	ret->depends = modinfo_find(&ret->section, "depends");
	if (ret->name == NULL || ret->vermagic == NULL || ret->depends == NULL)
		return err_fail(
			err, -EBADMSG, "%s: .modinfo lacks name, vermagic or depends", path);
	return 0;
}

static int check_modinfo(const struct resolver *resolver, const struct candidate *candidate,
	const struct modinfo *info, struct err *err)
{
	const char *path = resolver->dir->paths[candidate->file];
	const char *version = resolver->dir->version;
	char name[MODULES_NAME_MAX + 1];

	name_from(info->name, strlen(info->name), name);
	if (strcmp(name, candidate->name) != 0)
		return err_fail(err, -EBADMSG, "%s: it calls itself \"%s\"", path, info->name);
	if (strcspn(info->vermagic, " ") != strlen(version) ||
		strncmp(info->vermagic, version, strlen(version)) != 0)
		return err_fail(err, -EBADMSG, "%s: it was built for kernel \"%s\", not %s", path,
			info->vermagic, version);
	return 0;
}

static int append_loaded(
	struct resolver *resolver, struct candidate *candidate, struct buf *elf, struct err *err)
{
	struct modules *loaded = &resolver->loaded;
	struct module *items;
	char *name;

	if (loaded->count >= MODULES_LOADED_MAX)
		return err_fail(err, -EBADMSG, "more than %d modules to load", MODULES_LOADED_MAX);
	items = reallocarray(loaded->items, loaded->count + 1, sizeof(*items));
	if (items != NULL)
		loaded->items = items;
	name = items != NULL ? strdup(candidate->name) : NULL;
	if (name == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	items[loaded->count++] = (struct module){name, *elf};
	*elf = (struct buf){0};
	candidate->state = STATE_LOADED;
	return 0;
}

/* Who asks, for errors and for how much a missing one matters. */
struct request {
	const char *by; /* the module that depends on it; NULL for the caller's list */
	bool soft;
	unsigned depth;
};

static int load_name(struct resolver *resolver, const char *text, size_t len,
	const struct request *request, struct err *err);

/* Every word of @text, which end at one of @separators. */
static int load_words(struct resolver *resolver, const char *text, const char *separators,
	const struct request *request, struct err *err)
{
	int code = 0;

	while (*text != '\0' && code == 0) {
		size_t len = strcspn(text, separators);

		if (len > 0)
			code = load_name(resolver, text, len, request, err);
		text += len;
		text += strspn(text, separators);
	}
	return code;
}

/* "pre: a b post: c": those before, as far as they are modules here. */
static int load_soft(
	struct resolver *resolver, const char *text, const struct request *request, struct err *err)
{
	bool before = false;
	int code = 0;

	while (*text != '\0' && code == 0) {
		size_t len = strcspn(text, " ");

		if (len > 0 && text[len - 1] == ':')
			before = strncmp(text, "pre:", len) == 0;
		else if (len > 0 && before)
			code = load_name(resolver, text, len, request, err);
		text += len;
		text += strspn(text, " ");
	}
	return code;
}

static int load_dependencies(struct resolver *resolver, const struct modinfo *info,
	const char *name, unsigned depth, struct err *err)
{
	const struct request soft = {.by = name, .soft = true, .depth = depth + 1};
	const struct request hard = {.by = name, .depth = depth + 1};
	int code = 0;

	for (size_t pos = 0; pos < info->section.len && code == 0;) {
		const char *text = modinfo_value(&info->section, &pos, "softdep");

		if (text != NULL)
			code = load_soft(resolver, text, &soft, err);
	}
	return code != 0 ? code : load_words(resolver, info->depends, ",", &hard, err);
}

static int load_candidate(struct resolver *resolver, struct candidate *candidate,
	const struct request *request, struct err *err)
{
	const char *path = resolver->dir->paths[candidate->file];
	BUF_AUTO elf = {0};
	struct modinfo info = {0};
	int code = read_module(resolver->dir, candidate->file, &elf, err);

	if (code == 0)
		code = read_modinfo(path, &elf, &info, err);
	if (code == 0)
		code = check_modinfo(resolver, candidate, &info, err);
	candidate->state = STATE_OPEN;
	if (code == 0)
		code = load_dependencies(resolver, &info, candidate->name, request->depth, err);
	if (code == 0)
		code = append_loaded(resolver, candidate, &elf, err);
	buf_done(&info.section);
	return code;
}

/* Whether the same name stands beside @candidate: "updates" over "kernel", say, where depmod would choose. */
static bool is_ambiguous(const struct resolver *resolver, const struct candidate *candidate)
{
	const struct candidate *first = resolver->candidates;
	const struct candidate *last = first + resolver->candidate_count - 1;

	return (candidate > first && strcmp(candidate[-1].name, candidate->name) == 0) ||
	       (candidate < last && strcmp(candidate[1].name, candidate->name) == 0);
}

static int fail_missing(const struct resolver *resolver, const char *text, size_t len,
	const struct request *request, struct err *err)
{
	return err_fail(err, -EBADMSG, "kernel %s has no module \"%.*s\"%s%s",
		resolver->dir->version, (int)(len < 256 ? len : 256), text,
		request->by != NULL ? ", which is needed by " : "",
		request->by != NULL ? request->by : "");
}

static int load_name(struct resolver *resolver, const char *text, size_t len,
	const struct request *request, struct err *err)
{
	char name[MODULES_NAME_MAX + 1];
	struct candidate *candidate;

	name_from(text, len, name);
	if (find_candidate(resolver->builtin, resolver->builtin_count, name) != NULL)
		return 0;
	candidate = find_candidate(resolver->candidates, resolver->candidate_count, name);
	if (candidate == NULL)
		return request->soft ? 0 : fail_missing(resolver, text, len, request, err);
	if (candidate->state == STATE_LOADED || (candidate->state == STATE_OPEN && request->soft))
		return 0;
	if (candidate->state == STATE_OPEN || request->depth > MODULES_DEPTH_MAX)
		return err_fail(
			err, -EBADMSG, "kernel module %s depends on itself, or too deeply", name);
	if (is_ambiguous(resolver, candidate))
		return err_fail(err, -EBADMSG, "kernel %s has module %s more than once",
			resolver->dir->version, name);
	return load_candidate(resolver, candidate, request, err);
}

int modules_resolve(const struct modules_dir *dir, const char *const *wanted, size_t wanted_count,
	struct modules *ret, struct err *err)
{
	struct resolver resolver __attribute__((cleanup(resolver_done))) = {.dir = dir};
	const struct request request = {0};
	int code = index_files(&resolver, err);

	if (code == 0)
		code = index_builtin(&resolver, err);
	for (size_t i = 0; i < wanted_count && code == 0; i++)
		code = load_name(&resolver, wanted[i], strlen(wanted[i]), &request, err);
	if (code != 0)
		return code;
	*ret = resolver.loaded;
	resolver.loaded = (struct modules){0};
	return 0;
}

static int check_candidate(
	const struct resolver *resolver, const struct candidate *candidate, struct err *err)
{
	const struct modules_dir *dir = resolver->dir;
	struct modinfo info = {0};
	BUF_AUTO elf = {0};
	int code = read_module(dir, candidate->file, &elf, err);

	if (code == 0)
		code = read_modinfo(dir->paths[candidate->file], &elf, &info, err);
	if (code == 0)
		code = check_modinfo(resolver, candidate, &info, err);
	buf_done(&info.section);
	return code;
}

int modules_check(const struct modules_dir *dir, struct err *err)
{
	struct resolver resolver __attribute__((cleanup(resolver_done))) = {.dir = dir};
	int code = index_files(&resolver, err);

	for (size_t i = 0; i < resolver.candidate_count && code == 0; i++)
		code = check_candidate(&resolver, &resolver.candidates[i], err);
	return code;
}
